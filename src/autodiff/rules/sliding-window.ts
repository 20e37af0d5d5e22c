/** Sliding windows of convolutions and poolings: kernel, strides, dilations and explicit padding. */

import type { Site } from "../gradient-rule.ts";
import { range } from "../graph-operations.ts";

/** The window of a convolution or pooling over D spatial axes; every list has D entries. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Padding before the first pixel of each axis. */
  readonly before: readonly number[];
  /** How far the last window reaches beyond the last pixel; negative if pixels are left over. */
  readonly after: readonly number[];
}

/**
 * The window that a node's attributes describe.
 *
 * @param kernel spatial sizes of the kernel
 * @param input spatial sizes of the input
 * @param output spatial sizes of the output
 */
export function windowOf(
  site: Site,
  kernel: readonly number[],
  input: readonly number[],
  output: readonly number[],
): Window {
  const strides = site.ints("strides") ?? kernel.map(() => 1);
  const dilations = site.ints("dilations") ?? kernel.map(() => 1);
  const pads = site.ints("pads") ?? kernel.map(() => 0);
  const auto = site.text("auto_pad", "NOTSET");
  const padding = range(kernel.length).map((axis) => {
    const reach = (output[axis]! - 1) * strides[axis]! + (kernel[axis]! - 1) * dilations[axis]! + 1;
    const total = Math.max(0, reach - input[axis]!);
    const before = {
      NOTSET: pads[axis]!,
      VALID: 0,
      SAME_UPPER: Math.floor(total / 2),
      SAME_LOWER: Math.ceil(total / 2),
    }[auto];
    if (before === undefined) throw site.unsupported(`auto_pad "${auto}"`);
    return { before, after: reach - before - input[axis]! };
  });
  return {
    kernel,
    strides,
    dilations,
    before: padding.map(({ before }) => before),
    after: padding.map(({ after }) => after),
  };
}

/** Whether every number of a list is `value`. */
export const all = (list: readonly number[], value: number): boolean => list.every((item) => item === value);

/** The `pads` attribute, if no padding is negative. */
export const padsOf = ({ before, after }: Pick<Window, "before" | "after">): number[] => [...before, ...after];
