/**
 * Constant tensors: a type, a shape, and the bytes as ONNX stores them (little-endian, row-major). Where possible the bytes are views
 * of the file, so that a network's weights are in memory once.
 */
import { dataError } from "../base/errors.ts";

/** Element types that Graft reads and writes, named as in JavaScript and NumPy. */
export type TensorType =
  | "float32"
  | "float16"
  | "bfloat16"
  | "float64"
  | "uint8"
  | "int8"
  | "uint16"
  | "int16"
  | "uint32"
  | "int32"
  | "uint64"
  | "int64"
  | "bool"
  | "string";

/** Bytes per element; strings have no fixed size. */
export const bytesPerElement: Readonly<Record<TensorType, number>> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  float64: 8,
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  uint64: 8,
  int64: 8,
  bool: 1,
  string: 0,
};

/** What is known of a tensor before anything runs: its element type and its shape. */
export interface TensorShape {
  readonly type: TensorType;
  readonly dims: readonly number[];
}

/** A constant: `bytes.length === elementCount(dims) × bytesPerElement[type]`. */
export interface Tensor extends TensorShape {
  readonly bytes: Uint8Array;
}

/** The number of elements of a shape; 1 for a scalar's `[]`. */
export const elementCount = (dims: readonly number[]): number => dims.reduce((product, size) => product * size, 1);

const bytesOf = (data: ArrayBufferView): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

function checked(type: TensorType, dims: readonly number[], bytes: Uint8Array): Tensor {
  const expected = elementCount(dims) * bytesPerElement[type];
  if (bytes.length !== expected) {
    throw new RangeError(`A ${type} tensor [${dims}] takes ${expected} bytes, but ${bytes.length} were given.`);
  }
  return { type, dims, bytes };
}

/** A float32 tensor over `data` (not copied). Throws a RangeError if size and shape disagree. */
export const float32Tensor = (dims: readonly number[], data: Float32Array | readonly number[]): Tensor =>
  checked("float32", dims, bytesOf(data instanceof Float32Array ? data : Float32Array.from(data)));

/** An int64 tensor, the type of shapes, axes and indices in ONNX. */
export const int64Tensor = (dims: readonly number[], values: readonly number[]): Tensor =>
  checked("int64", dims, bytesOf(BigInt64Array.from(values, BigInt)));

/** A tensor of any type over bytes in ONNX's order (not copied). Throws a RangeError if size and shape disagree. */
export const rawTensor = checked;

/** The elements of a float32 tensor, without a copy if the bytes are aligned. Throws a GraftError (`data`) for another type. */
export function asFloat32(tensor: Tensor): Float32Array {
  if (tensor.type !== "float32") throw dataError(`A float32 tensor was expected, not ${tensor.type}.`);
  return alignedView(tensor.bytes, 4, (buffer, offset, length) => new Float32Array(buffer, offset, length));
}

/** The elements of an integer tensor (int64, int32, uint8, int8) as numbers. Throws a GraftError (`data`) for another type. */
export function asIntegers(tensor: Tensor): number[] {
  const { bytes } = tensor;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const readers: Partial<Record<TensorType, (offset: number) => number>> = {
    int64: (offset) => Number(view.getBigInt64(offset, true)),
    int32: (offset) => view.getInt32(offset, true),
    uint8: (offset) => view.getUint8(offset),
    int8: (offset) => view.getInt8(offset),
  };
  const read = readers[tensor.type];
  if (!read) throw dataError(`An integer tensor was expected, not ${tensor.type}.`);
  const size = bytesPerElement[tensor.type];
  return Array.from({ length: bytes.length / size }, (_, index) => read(index * size));
}

/** A typed view of bytes, copied only if they do not start at a multiple of `size`. */
function alignedView<T>(
  bytes: Uint8Array,
  size: number,
  view: (buffer: ArrayBufferLike, offset: number, length: number) => T,
): T {
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  return view(aligned.buffer, aligned.byteOffset, aligned.byteLength / size);
}
