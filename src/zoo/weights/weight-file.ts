/**
 * An open file of weights, whatever its format: names, types and shapes are known at once, values are read one tensor at a time, in byte
 * ranges that are checked against the file's size.
 */
import { bytesPerElement, elementCount, float32Tensor, type Tensor, type TensorType } from "../../graph/tensor.ts";
import { float16Value } from "../../graph/widen.ts";
import type { Ranges } from "./ranges.ts";

/** A tensor of a weight file before it is read. */
export interface WeightEntry {
  readonly type: TensorType;
  readonly dims: readonly number[];
}

/** An open file of named tensors. */
export interface WeightFile {
  readonly path: string;
  /** For messages: `safetensors`, `HDF5`. */
  readonly format: string;
  /** By the names in the file, in its order. All are checked against the file's size. */
  readonly entries: ReadonlyMap<string, WeightEntry>;
  /** The layers (prefixes of the entries' names before the `/`) in the network's order, if the file records it. */
  readonly layers?: readonly string[] | undefined;
  /**
   * Reads one tensor and only its bytes. float16, bfloat16 and float64 become float32; integers are unchanged.
   *
   * @throws GraftError (`data`) if the file has changed or the disk fails; RangeError for a name that is not an entry
   */
  read(name: string): Promise<Tensor>;
  /** {@link Ranges.digest} of the whole file. */
  digest(): () => Promise<string>;
  close(): Promise<void>;
}

/** Reads the element at byte `at`, for each floating-point type except float32. */
const floats: Partial<Record<TensorType, (view: DataView, at: number) => number>> = {
  float16: (view, at) => float16Value(view.getUint16(at, true)),
  bfloat16: (view, at) => bfloat16Value(view.getUint16(at, true)),
  float64: (view, at) => view.getFloat64(at, true),
};

const word = new DataView(new ArrayBuffer(4));

/** A bfloat16 is the upper half of a float32. */
function bfloat16Value(bits: number): number {
  word.setUint16(0, bits);
  return word.getFloat32(0);
}

/** The bytes of an entry as a tensor; floating-point types become float32. Float32 and integers are not copied. */
export function tensorOf({ type, dims }: WeightEntry, bytes: Uint8Array): Tensor {
  const valueAt = floats[type];
  if (!valueAt) return { type, dims, bytes };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = bytesPerElement[type];
  const values = new Float32Array(elementCount(dims));
  for (let i = 0; i < values.length; i++) values[i] = valueAt(view, i * size);
  return float32Tensor(dims, values);
}
