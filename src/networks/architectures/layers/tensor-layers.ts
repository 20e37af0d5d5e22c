/** Layers without parameters: they combine tensors, change their layout, or are activations. */
import { float, float32Tensor, int64Tensor } from "../../../onnx/model.ts";
import type { ArchitectureBuilder, Place } from "../definition.ts";

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

// Activations: elementwise, for any shape. They use operators that ONNX Runtime has at opset 18.

/** An activation as a layer. */
export type Activation = (b: ArchitectureBuilder, x: Place, name: string) => Place;

/** A scalar constant; equal numbers share one tensor. */
export const scalar = (b: ArchitectureBuilder, value: number): string =>
  b.constant(`scalar.${value}`, float32Tensor([], [value]));

const elementwise =
  (op: string, attributes: Readonly<Record<string, ReturnType<typeof float>>> = {}): Activation =>
  (b, x, name) =>
    b.add(op, [x], name, x.dims, attributes);

/** max(x, 0). */
export const relu = elementwise("Relu");

/** x between 0 and 6: arXiv 1801.04381. */
export const relu6: Activation = (b, x, name) => b.add("Clip", [x, scalar(b, 0), scalar(b, 6)], name, x.dims);

/** 1 / (1 + e^−x). */
export const sigmoid = elementwise("Sigmoid");

/** x / 6 + ½ between 0 and 1: arXiv 1905.02244. */
export const hardSigmoid = elementwise("HardSigmoid", { alpha: float(1 / 6), beta: float(0.5) });

/** x · hardSigmoid(x): arXiv 1905.02244. */
export const hardSwish = elementwise("HardSwish");

/** x · sigmoid(x), also called swish: arXiv 1702.03118. */
export const silu: Activation = (b, x, name) => b.add("Mul", [x, sigmoid(b, x, `${name}.sigmoid`)], name, x.dims);

/** ½ x (1 + erf(x / √2)), not its tanh approximation: arXiv 1606.08415. */
export const gelu: Activation = (b, x, name) => {
  const scaled = b.add("Div", [x, scalar(b, Math.SQRT2)], `${name}.scaled`, x.dims);
  const erf = b.add("Erf", [scaled], `${name}.erf`, x.dims);
  const gate = b.add("Add", [erf, scalar(b, 1)], `${name}.gate`, x.dims);
  const product = b.add("Mul", [x, gate], `${name}.product`, x.dims);
  return b.add("Mul", [product, scalar(b, 0.5)], name, x.dims);
};
