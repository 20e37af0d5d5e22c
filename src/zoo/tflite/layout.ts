/**
 * Converts dimensions and axes between TensorFlow Lite's layout of images, `[N, H, W, C]`, and ONNX's, `[N, C, H, W]`. Tensors of other
 * ranks than 4 are unchanged.
 */

/** `toChannelsFirst[i]`: the TensorFlow Lite dimension that becomes ONNX's dimension `i`. */
export const toChannelsFirst = [0, 3, 1, 2] as const;
/** `toChannelsLast[i]`: the ONNX dimension that becomes TensorFlow Lite's dimension `i`. */
export const toChannelsLast = [0, 2, 3, 1] as const;

const isImage = (dims: readonly number[]): boolean => dims.length === 4;

/** The dimensions of a tensor of the file in the converted graph. */
export const convertedDims = (dims: readonly number[]): readonly number[] =>
  isImage(dims) ? toChannelsFirst.map((axis) => dims[axis]!) : dims;

/** The axis in the converted graph of `axis` (may be negative) of a tensor of this rank; undefined if there is no such axis. */
export function convertedAxis(axis: number, rank: number): number | undefined {
  const counted = axis < 0 ? axis + rank : axis;
  if (counted < 0 || counted >= rank) return undefined;
  return rank === 4 ? toChannelsFirst.indexOf(counted as 0 | 1 | 2 | 3) : counted;
}

/** Whether a tensor's elements are in the same order in both layouts: one channel, or one pixel. */
export const sameOrder = (dims: readonly number[]): boolean =>
  !isImage(dims) || dims[3] === 1 || dims[1]! * dims[2]! === 1;
