/** Sliding windows over maps `[C, H, W]`: kernels, strides and padding as ONNX attributes, and the size of the output. */
import { type SlidingAxis, samePadding } from "../../tensorflow-layout.ts";
import type { Place } from "../builder.ts";

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
