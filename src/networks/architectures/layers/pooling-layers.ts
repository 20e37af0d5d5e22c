/** Sliding windows over maps `[C, H, W]`: kernels, strides and padding as ONNX attributes, and the size of the output. */
import { type SlidingAxis, samePadding } from "../../../formats/tensorflow-layout.ts";
import { float32Tensor } from "../../../onnx/model.ts";
import type { ArchitectureBuilder, Place } from "../definition.ts";
import { flatten } from "./tensor-layers.ts";

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
