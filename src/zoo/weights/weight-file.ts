/**
 * What a file of weights is, whatever its format: names, types and shapes at once, values one tensor at a time. The
 * formats are in files beside this one; which one a file has is found by its first bytes in `open.ts`.
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
  /** By the names in the file, in its order. Every one of them has been compared with the file's size. */
  readonly entries: ReadonlyMap<string, WeightEntry>;
  /** What entries' names begin with (before the `/`), in the order of the network's layers, where the file tells it. */
  readonly layers?: readonly string[] | undefined;
  /**
   * One tensor: only its bytes are read. float16, bfloat16 and float64 become float32; integers stay what they are.
   *
   * @throws GraftError (`data`) where the file has changed or the disk fails; RangeError for a name that is not an entry
   */
  read(name: string): Promise<Tensor>;
  /** As {@link Ranges.digest}: of the whole file. */
  digest(): () => Promise<string>;
  close(): Promise<void>;
}

/** The element at byte `at` as a number, for each floating type but float32. */
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

/** The stored bytes of an entry as a tensor, floating types as float32; float32 and integers without a copy. */
export function tensorOf({ type, dims }: WeightEntry, bytes: Uint8Array): Tensor {
  const valueAt = floats[type];
  if (!valueAt) return { type, dims, bytes };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = bytesPerElement[type];
  const values = new Float32Array(elementCount(dims));
  for (let i = 0; i < values.length; i++) values[i] = valueAt(view, i * size);
  return float32Tensor(dims, values);
}
