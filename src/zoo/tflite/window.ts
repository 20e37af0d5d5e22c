/** Sliding windows (convolution, pooling): TensorFlow's padding rule made explicit. Knows sizes only, no tensors. */

/** One spatial axis: the size slid over, and the window's own. All in pixels, all at least 1. */
export interface Window {
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
}

/**
 * Zeros before and after that make the output `ceil(size / stride)` long; the odd one goes after.
 * Source: `ComputePaddingWithOffset` in `tensorflow/lite/kernels/padding.h`.
 */
export function samePadding({ size, kernel, stride, dilation }: Window): readonly [before: number, after: number] {
  const reach = (kernel - 1) * dilation + 1;
  const total = Math.max((Math.ceil(size / stride) - 1) * stride + reach - size, 0);
  const before = Math.floor(total / 2);
  return [before, total - before];
}
