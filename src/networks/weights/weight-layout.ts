/**
 * The memory layouts of parameters in other libraries' files, and the conversion to Graft's. Graft uses PyTorch's layout:
 * convolutions `[out, in, height, width]`, dense layers `[out, in]`.
 */
import { asFloat32, elementCount, float32Tensor, type Tensor } from "../../onnx/model.ts";

/** A file's layout relative to Graft's. */
export interface Layout {
  /** For each of Graft's axes, its position in the file. Default: unchanged. */
  readonly order?: readonly number[] | undefined;
  /** The shape in the file from the reordered shape, if axes are flattened or added. Default: unchanged. */
  readonly stored?: ((dims: readonly number[]) => readonly number[]) | undefined;
}

/** PyTorch's layout. */
export const same: Layout = {};
/** A dense layer `[out, …]` for Graft's convolution; vectors are unchanged. */
export const dense: Layout = {
  stored: (dims) => (dims.length < 2 ? dims : [dims[0]!, elementCount(dims.slice(1))]),
};
/** One value per channel, shaped to multiply a map: `[C, 1, 1]`. */
export const perChannel: Layout = { stored: (dims) => [...dims, 1, 1] };
/** Keras' convolution, `[height, width, in, out]`. */
export const hwio: Layout = { order: [3, 2, 0, 1] };
/** Keras' depthwise convolution, `[height, width, in, 1]`. */
export const hwcm: Layout = { order: [2, 3, 0, 1] };
/** Keras' dense layer, `[in, out]`. */
export const io: Layout = { order: [1, 0] };
/** Keras' dense layer `[height · width · in, out]` after a map, for Graft's convolution. */
export const flattenedHwio: Layout = {
  order: [3, 2, 0, 1],
  stored: (dims) => [elementCount(dims.slice(0, 3)), dims[3]!],
};
/** Keras' 1 × 1 convolution `[1, 1, in, out]` for Graft's dense layer. */
export const pointwise: Layout = { order: [1, 0], stored: (dims) => [1, 1, ...dims] };

const viewOf = (dims: readonly number[], order: readonly number[]): number[] => {
  const view = [...dims];
  for (const [ours, theirs] of order.entries()) view[theirs] = dims[ours]!;
  return view;
};

/** The shape in the file of a parameter with Graft's shape `dims`. */
export function storedDims({ order, stored }: Layout, dims: readonly number[]): readonly number[] {
  const view = order ? viewOf(dims, order) : dims;
  return stored ? stored(view) : view;
}

/** How many elements of the file's last axis are copied at a time: one cache line of float32, so that none is loaded twice. */
const BLOCK = 16;

/** A float32 tensor of the file in Graft's layout; not copied if only the shape differs. */
export function fromLayout({ order }: Layout, tensor: Tensor, dims: readonly number[]): Tensor {
  if (!order) return { ...tensor, dims };
  const view = viewOf(dims, order);
  const from = asFloat32(tensor);
  const to = new Float32Array(from.length);
  // Strides in the result, for each axis of the file.
  const steps = viewOf(
    dims.map((_, axis) => elementCount(dims.slice(axis + 1))),
    order,
  );
  const last = view.at(-1)!;
  const lastStep = steps.at(-1)!;
  const starts = startsOf(view.slice(0, -1), steps);
  for (let begin = 0; begin < last; begin += BLOCK) {
    const end = Math.min(last, begin + BLOCK);
    for (let row = 0; row < starts.length; row++) {
      const start = starts[row]!;
      for (let i = begin; i < end; i++) to[start + i * lastStep] = from[row * last + i]!;
    }
  }
  return float32Tensor(dims, to);
}

/** The start in the result of each row (all axes except the last, in the file's order). */
function startsOf(view: readonly number[], steps: readonly number[]): Uint32Array {
  let starts = Uint32Array.of(0);
  for (const [axis, size] of view.entries()) {
    const next = new Uint32Array(starts.length * size);
    for (const [index, start] of starts.entries())
      for (let i = 0; i < size; i++) next[index * size + i] = start + i * steps[axis]!;
    starts = next;
  }
  return starts;
}
