/** Gradients of Conv and ConvTranspose. The gradient with respect to the kernel is in kernel-gradient.ts. */

import { by, type Rule, type RuleTable, type Site } from "../gradient-rule.ts";
import type { Ref } from "../graph-builder.ts";
import { type Operations, range } from "../graph-operations.ts";
import { all, padsOf, type Window, weightGradient, windowOf } from "./kernel-gradient.ts";
import { spaced } from "./reshape-rules.ts";

/**
 * The gradient of a convolution with respect to its input.
 *
 * @param dy [N, O, ...output]
 * @param w [O, C / group, ...kernel]
 * @param inputDims [N, C, ...input], the shape of the result
 */
export function inputGradient(
  build: Operations,
  dy: Ref,
  w: Ref,
  window: Window,
  group: number,
  inputDims: readonly number[],
): Ref {
  const { kernel, strides, dilations, before, after } = window;
  if (all(strides, 1)) return correlated(build, dy, w, window, group, inputDims);
  if (all(kernel, 1) && all(before, 0)) {
    // Each input pixel affects one output pixel: multiply, then insert zeros. A third faster than ConvTranspose.
    const few = correlated(build, dy, w, { ...window, after: before }, group, [
      dy.dims[0]!,
      inputDims[1]!,
      ...dy.dims.slice(2),
    ]);
    const apart = strides.reduce((x, stride, axis) => spaced(build, x, axis + 2, stride), few);
    return build.pad(
      apart,
      inputDims.map(() => 0),
      inputDims.map((size, axis) => size - apart.dims[axis]!),
    );
  }
  return build.emit("ConvTranspose", [dy, w], inputDims, {
    kernel_shape: kernel,
    strides,
    dilations,
    group,
    pads: padsOf({ before, after: after.map((amount) => Math.max(amount, 0)) }),
    output_padding: after.map((amount) => Math.max(-amount, 0)),
  });
}

/** For stride 1: a convolution of the gradient with the flipped kernel, with input and output channels exchanged. */
function correlated(
  build: Operations,
  dy: Ref,
  w: Ref,
  { kernel, dilations, before, after }: Window,
  group: number,
  inputDims: readonly number[],
): Ref {
  const reach = kernel.map((size, axis) => (size - 1) * dilations[axis]!);
  const start = reach.map((amount, axis) => amount - before[axis]!);
  const end = reach.map((amount, axis) => amount - after[axis]!);
  const cut = (amounts: readonly number[]): number[] => [0, 0, ...amounts.map((amount) => Math.min(amount, 0))];
  const kept = (amounts: readonly number[]): number[] => amounts.map((amount) => Math.max(amount, 0));
  return build.emit("Conv", [build.pad(dy, cut(start), cut(end)), mirrored(build, w, group)], inputDims, {
    kernel_shape: kernel,
    dilations,
    group,
    pads: padsOf({ before: kept(start), after: kept(end) }),
  });
}

/** A kernel `[O, C / group, …]` flipped in space, with its channels exchanged: `[C, O / group, …]`. */
function mirrored(build: Operations, w: Ref, group: number): Ref {
  const [out, perGroup, ...kernel] = w.dims as [number, number, ...number[]];
  const axes = range(kernel.length);
  const flipped = build.flip(
    w,
    axes.map((axis) => axis + 2),
  );
  const apart = build.reshape(flipped, [group, out / group, perGroup, ...kernel]);
  const exchanged = build.transpose(apart, [0, 2, 1, ...axes.map((axis) => axis + 3)]);
  return build.reshape(exchanged, [group * perGroup, out / group, ...kernel]);
}

// The rules of both operators.

/** The gradient of a bias: the sum over all axes except channels. */
const biasGradient = (site: Site) => (): Ref => {
  const dy = site.gradient();
  return site.build.sum(dy, [0, ...range(dy.dims.length).slice(2)], false);
};

const spatial = (x: Ref): readonly number[] => x.dims.slice(2);

const conv: Rule = (site) => {
  const [x, w] = [site.input(0), site.input(1)];
  const group = site.int("group", 1);
  const window = windowOf(site, spatial(w), spatial(x), spatial(site.output()));
  return [
    () => inputGradient(site.build, site.gradient(), w, window, group, x.dims),
    () => weightGradient(site.build, x, site.gradient(), window, group),
    biasGradient(site),
  ];
};

/** A transposed convolution is the input gradient of a convolution, so its own input gradient is that convolution. */
const convTranspose: Rule = (site) => {
  const { build } = site;
  const [x, w] = [site.input(0), site.input(1)];
  const group = site.int("group", 1);
  if (site.ints("output_shape")) throw site.unsupported("output_shape");
  if (site.text("auto_pad", "NOTSET") !== "NOTSET") throw site.unsupported("auto_pad");
  const window = windowOf(site, spatial(w), spatial(site.output()), spatial(x));
  const { kernel, strides, dilations, before, after } = window;
  return [
    () => {
      // Remove the pixels of output_padding, which no window reaches.
      const dy = site.gradient();
      const cut = build.pad(dy, Array(dy.dims.length).fill(0), [0, 0, ...after.map((amount) => Math.min(amount, 0))]);
      const pads = padsOf({ before, after: after.map((amount) => Math.max(amount, 0)) });
      return build.emit("Conv", [cut, w], x.dims, { kernel_shape: kernel, strides, dilations, pads, group });
    },
    () => weightGradient(build, site.gradient(), x, window, group),
    biasGradient(site),
  ];
};

export const convolution: RuleTable = {
  Conv: by(conv),
  ConvTranspose: by(convTranspose, "explicit padding"),
};
