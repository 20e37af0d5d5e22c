/**
 * Layers without parameters: they combine tensors, change their layout, pool, or are activations. Layers with parameters are in
 * learned-layers.ts.
 */

import { type SlidingAxis, samePadding } from "../../../formats/tensorflow-layout.ts";
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

// Sliding windows over maps `[C, H, W]`: kernels, strides and padding as ONNX attributes, and the size of the output.

/** One number for both axes, or `[rows, columns]`. */
export type Pair = number | readonly [number, number];

/**
 * The padding in pixels: the same on all sides, `[rows, columns]`, `[top, left, bottom, right]`, or TensorFlow's SAME, for an output of
 * ⌈input / stride⌉ pixels.
 */
export type Padding = Pair | readonly [number, number, number, number] | "same";

export interface Window {
  readonly kernel: Pair;
  /** Default 1. */
  readonly stride?: Pair | undefined;
  /** Default 0. */
  readonly padding?: Padding | undefined;
  /** Default 1. */
  readonly dilation?: Pair | undefined;
}

const pair = (value: Pair): readonly [number, number] => (typeof value === "number" ? [value, value] : value);

/** The ONNX attributes of a window, and the size of the output. */
export interface Slide {
  readonly kernel: readonly [number, number];
  readonly attributes: {
    readonly kernel_shape: readonly number[];
    readonly strides: readonly number[];
    readonly pads: readonly number[];
    readonly dilations: readonly number[];
  };
  readonly height: number;
  readonly width: number;
}

/** Applies a window to a map. The caller must refuse an output size below 1. */
export function slide({ dims }: Place, window: Window): Slide {
  const [kernel, strides, dilations] = [pair(window.kernel), pair(window.stride ?? 1), pair(window.dilation ?? 1)];
  const sizes = dims.slice(1);
  const pads = padsOf(window.padding ?? 0, (axis) => ({
    size: sizes[axis]!,
    kernel: kernel[axis]!,
    stride: strides[axis]!,
    dilation: dilations[axis]!,
  }));
  const [height, width] = sizes.map((size, axis) => {
    const reach = (kernel[axis]! - 1) * dilations[axis]! + 1;
    return Math.floor((size + pads[axis]! + pads[axis + 2]! - reach) / strides[axis]!) + 1;
  });
  return { kernel, attributes: { kernel_shape: kernel, strides, pads, dilations }, height: height!, width: width! };
}

function padsOf(padding: Padding, axisOf: (axis: number) => SlidingAxis): readonly number[] {
  if (padding === "same") {
    const [rows, columns] = [samePadding(axisOf(0)), samePadding(axisOf(1))];
    return [rows[0], columns[0], rows[1], columns[1]];
  }
  if (typeof padding !== "number" && padding.length === 4) return padding;
  const [rows, columns] = pair(padding);
  return [rows, columns, rows, columns];
}

// Pooling of maps `[C, H, W]`.

/** The maximum in each window; padding does not count. */
export function maxPool(b: ArchitectureBuilder, x: Place, name: string, window: Window): Place {
  const { attributes, height, width } = slide(x, window);
  return b.add("MaxPool", [x], name, [x.dims[0]!, height, width], attributes);
}

/** The mean in each window. `countPadding`: whether zeros of the padding count, as by default in PyTorch and never in Keras. */
export function averagePool(
  b: ArchitectureBuilder,
  x: Place,
  name: string,
  window: Omit<Window, "dilation"> & { readonly countPadding: boolean },
): Place {
  const { attributes, height, width } = slide(x, window);
  const { dilations: _, ...rest } = attributes;
  return b.add("AveragePool", [x], name, [x.dims[0]!, height, width], {
    ...rest,
    count_include_pad: window.countPadding ? 1 : 0,
  });
}

/** The mean over all pixels as a map `[C, 1, 1]`. */
export const globalAverage = (b: ArchitectureBuilder, x: Place, name: string): Place =>
  b.add("GlobalAveragePool", [x], name, [x.dims[0]!, 1, 1]);

/** The mean over all pixels as a vector, `[C, H, W]` → `[C]`. The output is called `name`. */
export const globalPool = (b: ArchitectureBuilder, x: Place, name = "global_pool"): Place =>
  flatten(b, globalAverage(b, x, `${name}.pool`), name);

/**
 * Averages a map to `side` × `side` pixels, which may be more than it has: PyTorch's `adaptive_avg_pool2d`. Computed as products with a
 * constant matrix on each side.
 */
export function adaptiveAverage(b: ArchitectureBuilder, x: Place, name: string, side: number): Place {
  const [channels, height, width] = [x.dims[0]!, x.dims[1]!, x.dims[2]!];
  const rows = b.constant(`${name}.rows`, float32Tensor([side, height], meansOver(height, side)));
  const columns = b.constant(
    `${name}.columns`,
    float32Tensor([width, side], transposed(meansOver(width, side), width)),
  );
  const down = b.add("MatMul", [rows, x], `${name}.down`, [channels, side, width]);
  return b.add("MatMul", [down, columns], name, [channels, side, side]);
}

/** The matrix `[side, size]` that averages over ⌊i·size/side⌋ … ⌈(i+1)·size/side⌉ − 1. */
function meansOver(size: number, side: number): number[] {
  return Array.from({ length: side }, (_, i) => {
    const [start, end] = [Math.floor((i * size) / side), Math.ceil(((i + 1) * size) / side)];
    return Array.from({ length: size }, (_, at) => (at >= start && at < end ? 1 / (end - start) : 0));
  }).flat();
}

const transposed = (matrix: readonly number[], columns: number): number[] =>
  matrix.map((_, index) => {
    const rows = matrix.length / columns;
    return matrix[(index % rows) * columns + Math.floor(index / rows)]!;
  });
