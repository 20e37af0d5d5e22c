/**
 * The gradient of a convolution with respect to its kernel, and the sliding windows of convolutions and poolings: kernel, strides,
 * dilations and explicit padding. The gradient with respect to the input is in convolution-rules.ts.
 */

import { BLOCKED } from "../../onnx/model.ts";
import type { Site } from "../gradient-rule.ts";
import type { Ref } from "../graph-builder.ts";
import { type Operations, positions, product, range } from "../graph-operations.ts";

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

// The gradient of a convolution with respect to its kernel: for every kernel position, the product of its inputs and the gradient of
// the outputs. Each kind of convolution uses the fastest method that was measured.

/** With fewer input channels than this, one matrix product per kernel position is slow. */
const THIN = 16;

/**
 * @param x [N, C, ...input]
 * @param dy [N, O, ...output]
 * @returns [O, C / group, ...kernel]
 */
export function weightGradient(build: Operations, x: Ref, dy: Ref, window: Window, group: number): Ref {
  const channels = x.dims[1]!;
  if (channels === group)
    return build.blocked && isBlockable(x, dy)
      ? blockedDepthwise(build, x, dy, window)
      : depthwise(build, x, dy, window);
  if (group > 1) return gathered(build, x, dy, window, group);
  if (channels < THIN) return exchanged(build, x, dy, window);
  if (all(window.kernel, 1)) return pointwise(build, x, dy, window);
  return perPosition(build, x, dy, window);
}

const spatialAxes = (x: Ref): number[] => range(x.dims.length).slice(2);

/** The pixels that the window covers: adds padding, removes pixels that the window never reaches. */
const reached = (build: Operations, x: Ref, { before, after }: Window): Ref =>
  build.pad(x, [0, 0, ...before], [0, 0, ...after]);

/** `dy` as a matrix with one row per channel, `[O, N · output]`. */
function channelRows(build: Operations, dy: Ref): Ref {
  const swapped = build.transpose(dy, [1, 0, ...spatialAxes(dy)]);
  return build.reshape(swapped, [swapped.dims[0]!, product(swapped.dims.slice(1))]);
}

/** The inputs of one kernel position; `first` is the first spatial axis of `x`. */
const seen = (
  build: Operations,
  x: Ref,
  first: number,
  window: Window,
  at: readonly number[],
  output: readonly number[],
) =>
  build.slice(
    x,
    at.map((_, axis) => first + axis),
    at.map((offset, axis) => offset * window.dilations[axis]!),
    output,
    [...window.strides],
  );

/**
 * Kernels of one pixel: one product of `[O, N · output]` and `[C, N · output]ᵀ`.
 * Measured on ResNet50's stage 4 (batch 16): 1.9 × the speed of a product per image and a sum, 2.9 × a `Conv` with
 * batch and channels exchanged.
 */
function pointwise(build: Operations, x: Ref, dy: Ref, window: Window): Ref {
  const output = dy.dims.slice(2);
  const pixels = seen(
    build,
    reached(build, x, window),
    2,
    window,
    output.map(() => 0),
    output,
  );
  const gradient = build.gemm(channelRows(build, dy), channelRows(build, pixels), { transB: true });
  return build.reshape(gradient, [...gradient.dims, ...window.kernel]);
}

/**
 * Dense kernels: one product per kernel position, with the input transposed once to channels last so that slices copy whole rows of
 * channels. Measured on ResNet50's stage 4: 1.4 × the speed of gathering all positions into one product, 2.2 × a `Conv` with batch
 * and channels exchanged.
 */
function perPosition(build: Operations, x: Ref, dy: Ref, window: Window): Ref {
  const [batch, out, ...output] = dy.dims as [number, number, ...number[]];
  const channels = x.dims[1]!;
  const last = build.transpose(reached(build, x, window), [0, ...spatialAxes(x), 1]);
  const rows = channelRows(build, dy);
  const products = positions(window.kernel).map((at) => {
    const pixels = build.reshape(seen(build, last, 1, window, at, output), [batch * product(output), channels]);
    return build.gemm(rows, pixels);
  });
  const stacked = build.reshape(build.concat(products, 0), [products.length, out * channels]);
  return build.reshape(build.transpose(stacked, [1, 0]), [out, channels, ...window.kernel]);
}

/** Grouped kernels: gathers all positions side by side; one product per group. */
function gathered(build: Operations, x: Ref, dy: Ref, window: Window, group: number): Ref {
  const [batch, out, ...output] = dy.dims as [number, number, ...number[]];
  const perGroup = x.dims[1]! / group;
  const pixels = batch * product(output);
  const padded = reached(build, x, window);
  const apart = build.reshape(padded, [batch, group, perGroup, ...padded.dims.slice(2)]);
  const axes = range(output.length).map((axis) => axis + 3);
  const last = build.transpose(apart, [1, 0, ...axes, 2]);
  const places = positions(window.kernel);
  const views = places.map((at) => seen(build, last, 2, window, at, output));
  const columns = build.reshape(build.concat(views, last.dims.length - 1), [group, pixels, places.length * perGroup]);
  const rows = build.reshape(channelRows(build, dy), [group, out / group, pixels]);
  const gradient = build.reshape(build.matmul(rows, columns), [out, places.length, perGroup]);
  return build.reshape(build.transpose(gradient, [0, 2, 1]), [out, perGroup, ...window.kernel]);
}

/**
 * Few input channels, as in a first layer: a convolution of the input with the gradient as its kernel, with batch and channels
 * exchanged. Measured on ResNet50's first layer: a third of the time of gathering all positions, without copies.
 */
function exchanged(build: Operations, x: Ref, dy: Ref, window: Window): Ref {
  const swap = [1, 0, ...spatialAxes(x)];
  const gradient = slidOver(build, build.transpose(x, swap), build.transpose(dy, swap), window, 1);
  return build.transpose(gradient, swap);
}

/**
 * Depthwise kernels: a convolution of each channel of each image with its own gradient as the kernel, then a sum over images.
 * Measured on MobileNetV2: up to 5 × the speed of multiplying and summing a slice per kernel position, and no copies of
 * the input.
 */
function depthwise(build: Operations, x: Ref, dy: Ref, window: Window): Ref {
  const [batch, channels, ...input] = x.dims as [number, number, ...number[]];
  const [, out, ...output] = dy.dims as [number, number, ...number[]];
  const images = build.reshape(x, [1, batch * channels, ...input]);
  const kernels = build.reshape(dy, [batch * out, 1, ...output]);
  const perImage = slidOver(build, images, kernels, window, batch * channels);
  return build.sum(build.reshape(perImage, [batch, out, 1, ...window.kernel]), [0], false);
}

/**
 * The same with ONNX Runtime's blocked convolutions, which process 16 channels at once: a fifth to a tenth of the time on
 * MobileNetV2. Kernels of depthwise convolutions are blocked like images.
 */
function blockedDepthwise(build: Operations, x: Ref, dy: Ref, window: Window): Ref {
  const [batch, channels, ...input] = x.dims as [number, number, ...number[]];
  const output = dy.dims.slice(2);
  const planes = batch * channels;
  const blocked = (image: Ref): Ref => build.emit(`${BLOCKED.domain}.ReorderInput`, [image], image.dims);
  const images = blocked(build.reshape(x, [1, planes, ...input]));
  const kernels = build.reshape(blocked(build.reshape(dy, [1, planes, ...output])), [planes, 1, ...output]);
  const { dims, attributes } = sliding(images, kernels, window, planes);
  const slid = build.emit(`${BLOCKED.domain}.Conv`, [images, kernels], dims, attributes);
  const plain = build.emit(`${BLOCKED.domain}.ReorderOutput`, [slid], dims, { channels: planes });
  return build.sum(build.reshape(firstOf(build, plain, window), [batch, channels, 1, ...window.kernel]), [0], false);
}

/** A multiple of the block size in channels on every processor. */
const BLOCK = 16;

/** Whether depthwise kernels can be blocked: one output channel per input channel, and only full blocks. */
const isBlockable = (x: Ref, dy: Ref): boolean =>
  x.type === "float32" && x.dims.length === 4 && x.dims[1] === dy.dims[1] && (x.dims[0]! * x.dims[1]!) % BLOCK === 0;

/**
 * A convolution of the input with the gradient as its kernel. Strides and dilations exchange roles. The output has one value for each
 * position of the window's kernel.
 */
function slidOver(build: Operations, x: Ref, kernel: Ref, window: Window, group: number): Ref {
  const { dims, attributes } = sliding(x, kernel, window, group);
  return firstOf(build, build.emit("Conv", [x, kernel], dims, attributes), window);
}

/** The output shape, with at least one value for each kernel position, and the attributes of such a convolution. */
function sliding(x: Ref, kernel: Ref, window: Window, group: number) {
  const unread = window.after.map((amount) => Math.max(-amount, 0));
  const outputSize = window.kernel.map((size, axis) => size + Math.floor(unread[axis]! / window.dilations[axis]!));
  return {
    dims: [x.dims[0]!, kernel.dims[0]!, ...outputSize],
    attributes: {
      kernel_shape: kernel.dims.slice(2),
      strides: window.dilations,
      dilations: window.strides,
      group,
      pads: padsOf({ before: window.before, after: window.after.map((amount) => Math.max(amount, 0)) }),
    },
  };
}

/** The values for the positions of the window's kernel. */
function firstOf(build: Operations, slid: Ref, window: Window): Ref {
  const axes = spatialAxes(slid);
  return build.slice(
    slid,
    axes,
    axes.map(() => 0),
    window.kernel,
  );
}
