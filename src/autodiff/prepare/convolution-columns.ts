/**
 * A convolution as one matrix product (im2col; Chellapilla et al. 2006, "High Performance Convolutional Neural Networks for Document
 * Processing"): the receptive field of each output pixel is a row, and the kernel is a matrix. With channels last, a row consists
 * of whole pixels.
 */
import { intAttribute, intsAttribute, type Node } from "../../onnx/model.ts";
import type { Ref } from "../graph-builder.ts";
import type { Operations } from "../graph-operations.ts";
import { positions, product } from "../graph-operations.ts";

/** Whether a node is a two-dimensional convolution that {@link convolvedLast} supports. */
export function isPlain(node: Node, x: readonly number[]): boolean {
  const auto = node.attributes.auto_pad;
  return (
    node.op === "Conv" &&
    x.length === 4 &&
    intAttribute(node, "group", 1) === 1 &&
    (intsAttribute(node, "dilations") ?? []).every((dilation) => dilation === 1) &&
    (auto === undefined || (auto.type === "string" && auto.value === "NOTSET"))
  );
}

/** The kernel, scale and bias of a convolution. */
export interface Affine {
  /** The kernel `[O, kH · kW · C]`. */
  readonly rows: Ref;
  /** A factor for each output channel `[O]`; default 1. */
  readonly scale?: Ref | undefined;
  /** [O] */
  readonly bias?: Ref | undefined;
}

/**
 * A convolution with channels last.
 *
 * @param x [N, H, W, C]
 * @param kernel spatial sizes of the kernel
 * @param output spatial sizes of the result
 * @returns [N, H′, W′, O]
 */
export function convolvedLast(
  build: Operations,
  node: Node,
  x: Ref,
  { rows, scale, bias }: Affine,
  kernel: readonly number[],
  output: readonly number[],
): Ref {
  const pixels = build.reshape(seen(build, node, x, kernel, output), [
    x.dims[0]! * product(output),
    product(kernel) * x.dims[3]!,
  ]);
  const dims = [pixels.dims[0]!, rows.dims[0]!];
  const result = [x.dims[0]!, ...output, rows.dims[0]!];
  if (!scale) return build.reshape(build.emit("Gemm", [pixels, rows, bias], dims, { transB: 1 }), result);
  const scaled = build.mul(build.gemm(pixels, rows, { transB: true }), scale);
  return build.reshape(bias ? build.add(scaled, bias) : scaled, result);
}

/** The receptive field of each output pixel, `[N, H′, W′, kH · kW · C]`. */
function seen(build: Operations, node: Node, x: Ref, kernel: readonly number[], output: readonly number[]): Ref {
  const strides = intsAttribute(node, "strides") ?? [1, 1];
  const [top = 0, left = 0] = intsAttribute(node, "pads") ?? [];
  const [down = 1, across = 1] = strides;
  // The pixels that the window reaches, rounded up to whole strides.
  const reach = output.map((size, axis) => size + Math.ceil(kernel[axis]! / strides[axis]!) - 1);
  const [, height = 0, width = 0] = x.dims;
  const [bottom, right] = [reach[0]! * down - height - top, reach[1]! * across - width - left];
  const padded = build.pad(x, [0, top, left, 0], [0, bottom, right, 0]);
  const phases = phasesOf(build, padded, down, across);
  const views = positions(kernel).map(([y = 0, z = 0]) =>
    build.slice(
      phases[(y % down) * across + (z % across)]!,
      [1, 2],
      [Math.floor(y / down), Math.floor(z / across)],
      output,
    ),
  );
  return build.concat(views, 3);
}

/**
 * Splits the pixels by their position within the stride into `down` × `across` smaller images, so that no slice skips pixels, whose
 * gradient would have to be padded with zeros.
 *
 * @param x [N, h · down, w · across, C]
 * @returns `down` × `across` tensors [N, h, w, C]
 */
function phasesOf(build: Operations, x: Ref, down: number, across: number): readonly Ref[] {
  if (down === 1 && across === 1) return [x];
  const [n, height, width, channels] = x.dims as [number, number, number, number];
  const [h, w] = [height / down, width / across];
  const apart = build.transpose(build.reshape(x, [n, h, down, w, across, channels]), [2, 4, 0, 1, 3, 5]);
  const count = down * across;
  const each = { type: x.type, dims: [1, n, h, w, channels] };
  return build
    .emitAll("Split", [build.reshape(apart, [count, n, h, w, channels])], Array(count).fill(each), {
      axis: 0,
      num_outputs: count,
    })
    .map((phase) => build.reshape(phase, [n, h, w, channels]));
}
