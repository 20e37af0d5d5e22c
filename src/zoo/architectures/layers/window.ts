/** Sliding windows over maps `[C, H, W]`: how kernels, strides and padding are written, and the size that they leave. */
import { samePadding } from "../../tflite/window.ts";
import type { Place } from "../builder.ts";

/** One number for both axes, or `[rows, columns]`. */
export type Pair = number | readonly [number, number];

/**
 * Pixels around the map: the same on all sides, `[rows, columns]`, `[top, left, bottom, right]`, or TensorFlow's SAME, which
 * makes the output ⌈input / stride⌉ with the odd pixel at the end.
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

/** A window with ONNX's attributes spelled out, and the map's size after it. */
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

/** What a window makes of a map. A size below 1 is the caller's to refuse. */
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

function padsOf(padding: Padding, axisOf: (axis: number) => Parameters<typeof samePadding>[0]): readonly number[] {
  if (padding === "same") {
    const [rows, columns] = [samePadding(axisOf(0)), samePadding(axisOf(1))];
    return [rows[0], columns[0], rows[1], columns[1]];
  }
  if (typeof padding !== "number" && padding.length === 4) return padding;
  const [rows, columns] = pair(padding);
  return [rows, columns, rows, columns];
}
