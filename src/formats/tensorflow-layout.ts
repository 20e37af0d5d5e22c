/** What TensorFlow's formats share: SAME padding, and reordering axes between channels last and ONNX's channels first. */

/** One axis of a map with a window that slides along it. All numbers are in pixels and at least 1. */
export interface SlidingAxis {
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
}

/**
 * The zeros before and after an axis that make the output ⌈size / stride⌉ long; the odd one is at the end.
 * Source: `ComputePaddingWithOffset` in `tensorflow/lite/kernels/padding.h`.
 */
export function samePadding({ size, kernel, stride, dilation }: SlidingAxis): readonly [before: number, after: number] {
  const reach = (kernel - 1) * dilation + 1;
  const total = Math.max((Math.ceil(size / stride) - 1) * stride + reach - size, 0);
  const before = Math.floor(total / 2);
  return [before, total - before];
}

/** A float32 array with its shape, row-major. */
export interface FloatArray {
  readonly dims: readonly number[];
  readonly data: Float32Array;
}

/** Reorders axes, as NumPy's `transpose`: axis `i` of the result is axis `order[i]` of the source; at most four axes. */
export function transposed({ dims, data }: FloatArray, order: readonly number[]): FloatArray {
  const strides = dims.map((_, axis) => dims.slice(axis + 1).reduce((product, size) => product * size, 1));
  const missing = 4 - order.length;
  const sizes = [...Array<number>(missing).fill(1), ...order.map((axis) => dims[axis]!)];
  const steps = [...Array<number>(missing).fill(0), ...order.map((axis) => strides[axis]!)];
  const [a, b, c, d] = sizes as [number, number, number, number];
  const [stepA, stepB, stepC, stepD] = steps as [number, number, number, number];
  const result = new Float32Array(data.length);
  let to = 0;
  for (let i = 0; i < a; i++) {
    for (let j = 0; j < b; j++) {
      for (let k = 0; k < c; k++) {
        const from = i * stepA + j * stepB + k * stepC;
        for (let l = 0; l < d; l++) result[to++] = data[from + l * stepD]!;
      }
    }
  }
  return { dims: order.map((axis) => dims[axis]!), data: result };
}
