/**
 * An open file of weights, whatever its format: names, types and shapes are known at once, values are read one tensor at a time, in byte
 * ranges that are checked against the file's size.
 */

import type { Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { digestBeside } from "../base/digest.ts";
import { dataError } from "../base/errors.ts";
import { readFailure } from "../base/system-errors.ts";
import { bytesPerElement, elementCount, float32Tensor, type Tensor, type TensorType } from "../onnx/model.ts";
import { float16Value } from "../onnx/passes/simplify.ts";

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

// Byte ranges of an untrusted file, checked against its size, whatever the bytes mean.

/** Node reads at most 2 GiB per call; smaller pieces do not block the disk's queue. */
const PIECE = 1 << 28;

/** An open file, read by byte ranges. */
export interface Ranges {
  readonly path: string;
  /** Size in bytes when the file was opened. */
  readonly size: number;
  /**
   * Reads `length` bytes from `offset`, in their own memory.
   *
   * @throws GraftError (`data`) if the range is outside the file, before any memory is allocated
   */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Starts to hash the file in the background. Call the returned function after the last read: it returns the SHA-256 of the bytes that
   * were read, hexadecimal.
   *
   * @throws GraftError (`data`) if the file has changed since it was opened
   */
  digest(): () => Promise<string>;
  close(): Promise<void>;
}

/**
 * Opens a file for reading.
 *
 * @throws GraftError (`usage`) if it does not exist, (`data`) if it is a folder or unreadable
 */
export async function openRanges(path: string): Promise<Ranges> {
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch (error) {
    throw readFailure(path, error, { missing: "usage" });
  }
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw dataError(`${path} is not a file: pass the path of a weight file.`);
    return rangesOf(path, handle, stat);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

const changeOf = ({ size, mtimeMs, ctimeMs }: Stats): string => [size, mtimeMs, ctimeMs].join(" ");

function rangesOf(path: string, handle: FileHandle, stat: Stats): Ranges {
  const { size } = stat;
  return {
    path,
    size,
    async read(offset, length) {
      const inside = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
      if (!inside || offset + length > size)
        throw dataError(
          `${path} is truncated or damaged: it refers to bytes ${offset} to ${offset + length} of ${size}; download it again.`,
        );
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const { bytesRead } = await handle
          .read(bytes, done, Math.min(PIECE, length - done), offset + done)
          .catch((error: unknown) => {
            throw readFailure(path, error);
          });
        if (bytesRead === 0) throw dataError(`${path} became shorter while it was read: run the command again.`);
        done += bytesRead;
      }
      return bytes;
    },
    digest() {
      const hashing = digestBeside(handle, size);
      // A failure is reported when the digest is requested; until then it must not count as unhandled.
      hashing.catch(() => {});
      return async () => {
        const sha256 = await hashing;
        if (changeOf(await handle.stat()) !== changeOf(stat))
          throw dataError(`${path} changed while it was read: run the command again.`);
        return sha256;
      };
    },
    close: () => handle.close(),
  };
}
