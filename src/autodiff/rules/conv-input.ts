/** The gradient of a convolution with respect to its input. */
import type { Ref } from "../build/builder.ts";
import type { Operations } from "../build/operations.ts";
import { range } from "../build/shape.ts";
import { spaced } from "./shape.ts";
import { all, padsOf, type Window } from "./window.ts";

/**
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
