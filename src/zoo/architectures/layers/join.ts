/** Layers without parameters: they combine tensors, change their layout, or are activations. */
import { int64Tensor } from "../../../graph/tensor.ts";
import type { ArchitectureBuilder, Place } from "../builder.ts";

/** x + y, both of the same shape. */
export const add = (b: ArchitectureBuilder, x: Place, y: Place, name: string): Place =>
  b.add("Add", [x, y], name, x.dims);

/** x · y; `y` is broadcast to the shape of `x` (`[C, 1, 1]` to `[C, H, W]`), and may be the name of a parameter. */
export const multiply = (b: ArchitectureBuilder, x: Place, y: Place | string, name: string): Place =>
  b.add("Mul", [x, y], name, x.dims);

/** Concatenates maps of the same height and width along the channels. */
export const concat = (b: ArchitectureBuilder, parts: readonly Place[], name: string): Place =>
  b.add("Concat", parts, name, [parts.reduce((sum, { dims }) => sum + dims[0]!, 0), ...parts[0]!.dims.slice(1)], {
    axis: 1,
  });

/** `[C, H, W]` → `[C·H·W]`. */
export const flatten = (b: ArchitectureBuilder, x: Place, name: string): Place =>
  b.add("Flatten", [x], name, [x.dims.reduce((product, size) => product * size, 1)], { axis: 1 });

/** Another shape with the same number of elements; the batch remains the first axis. */
export const reshape = (b: ArchitectureBuilder, x: Place, name: string, dims: readonly number[]): Place =>
  b.add(
    "Reshape",
    [x, b.constant(`shape.${dims.join("x")}`, int64Tensor([dims.length + 1], [0, ...dims]))],
    name,
    dims,
  );

/** Reorders the axes of one image: `order` holds, for each new axis, the old one, counted without the batch. */
export const transpose = (b: ArchitectureBuilder, x: Place, name: string, order: readonly number[]): Place =>
  b.add(
    "Transpose",
    [x],
    name,
    order.map((axis) => x.dims[axis]!),
    { perm: [0, ...order.map((axis) => axis + 1)] },
  );

/** `[C, H, W]` → `[H, W, C]`. */
export const channelsLast = (b: ArchitectureBuilder, x: Place, name: string): Place => transpose(b, x, name, [1, 2, 0]);

/** `[H, W, C]` → `[C, H, W]`. */
export const channelsFirst = (b: ArchitectureBuilder, x: Place, name: string): Place =>
  transpose(b, x, name, [2, 0, 1]);
