/** Dequantises constants to float32, and computes the real range of quantised tensors. */
import { float16Value } from "../../graph/widen.ts";
import { alignedCopy } from "./bytes.ts";
import type { TfliteTensor } from "./read.ts";
import type { ElementType } from "./schema.ts";

/** Real numbers from `low` to `high`, both included. */
export interface Range {
  readonly low: number;
  readonly high: number;
}

const everything: Range = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
const integerRanges: Partial<Record<ElementType, Range>> = {
  uint8: { low: 0, high: 255 },
  int8: { low: -128, high: 127 },
};

/** The real range of a tensor: unlimited unless it is quantised to 8 bits. */
export function rangeOf({ type, quantisation }: TfliteTensor): Range {
  const integers = integerRanges[type];
  if (!integers || quantisation?.scales.length !== 1) return everything;
  const scale = quantisation.scales[0]!;
  const zero = quantisation.zeros[0]!;
  return { low: Math.fround((integers.low - zero) * scale), high: Math.fround((integers.high - zero) * scale) };
}

/** The numbers in both ranges. */
export const intersection = (a: Range, b: Range): Range => ({
  low: Math.max(a.low, b.low),
  high: Math.min(a.high, b.high),
});

/** Whether `outer` contains `inner`. */
export const contains = (outer: Range, inner: Range): boolean => outer.low <= inner.low && inner.high <= outer.high;

type Numbers = Float32Array | Uint8Array | Int8Array | Int32Array;

const readers: Record<ElementType, (bytes: Uint8Array) => Numbers | undefined> = {
  float32: (bytes) => new Float32Array(alignedCopy(bytes, 4)),
  float16: (bytes) => Float32Array.from(new Uint16Array(alignedCopy(bytes, 2)), float16Value),
  uint8: (bytes) => bytes,
  int8: (bytes) => new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length),
  int32: (bytes) => new Int32Array(alignedCopy(bytes, 4)),
  int64: () => undefined,
};

/** Whether a tensor is a constant of real numbers: floats or integers with a scale. */
export const isReal = ({ type, bytes, quantisation }: TfliteTensor): boolean =>
  bytes !== undefined && (type === "float32" || type === "float16" || (type !== "int64" && quantisation !== undefined));

/**
 * The real values of a constant, in the file's layout; undefined if it has no values, or its integers are not quantised (shapes, axes).
 */
export function dequantised(tensor: TfliteTensor): Float32Array | undefined {
  const { type, dims, bytes, quantisation } = tensor;
  const numbers = bytes && isReal(tensor) ? readers[type](bytes) : undefined;
  if (!numbers || numbers instanceof Float32Array) return numbers;
  if (!quantisation) return undefined;
  const { scales, zeros, axis } = quantisation;
  const real = new Float32Array(numbers.length);
  // With one scale, the whole tensor is one slice.
  const inner =
    scales.length === 1 ? numbers.length : dims.slice(axis + 1).reduce((product, size) => product * size, 1);
  for (let start = 0, slice = 0; start < numbers.length; start += inner, slice++) {
    const scale = scales[slice % scales.length]!;
    const zero = zeros[slice % scales.length]!;
    for (let index = start; index < start + inner; index++) real[index] = (numbers[index]! - zero) * scale;
  }
  return real;
}

/** The elements of an integer constant (shapes, axes, paddings); undefined if the tensor is not one. */
export function integersOf({ type, bytes }: TfliteTensor): number[] | undefined {
  if (!bytes) return undefined;
  if (type === "int32") return Array.from(new Int32Array(alignedCopy(bytes, 4)));
  if (type === "int64") return Array.from(new BigInt64Array(alignedCopy(bytes, 8)), Number);
  return undefined;
}
