/**
 * TensorFlow Lite keeps images as `[N, H, W, C]`, ONNX as `[N, C, H, W]`. Here every tensor of rank 4 is kept in
 * ONNX's order and all others as they are: dimensions, axes and constants change between the two.
 */

/** `toChannelsFirst[i]`: which TensorFlow Lite dimension becomes ONNX's dimension `i`. */
export const toChannelsFirst = [0, 3, 1, 2] as const;
/** `toChannelsLast[i]`: which ONNX dimension becomes TensorFlow Lite's dimension `i`. */
export const toChannelsLast = [0, 2, 3, 1] as const;

const isImage = (dims: readonly number[]): boolean => dims.length === 4;

/** The dimensions that a tensor of the file has in the converted graph. */
export const convertedDims = (dims: readonly number[]): readonly number[] =>
  isImage(dims) ? toChannelsFirst.map((axis) => dims[axis]!) : dims;

/** The axis in the converted graph of `axis` (may be negative) of a tensor of that rank; nothing where it has no such axis. */
export function convertedAxis(axis: number, rank: number): number | undefined {
  const counted = axis < 0 ? axis + rank : axis;
  if (counted < 0 || counted >= rank) return undefined;
  return rank === 4 ? toChannelsFirst.indexOf(counted as 0 | 1 | 2 | 3) : counted;
}

/** Whether a tensor's elements are in the same order in both layouts: no channels to move, or nowhere to move them. */
export const sameOrder = (dims: readonly number[]): boolean =>
  !isImage(dims) || dims[3] === 1 || dims[1]! * dims[2]! === 1;
