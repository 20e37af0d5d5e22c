/** For tests of file formats: files in memory that count the bytes that are read from them. */
import { dataError } from "../base/errors.ts";
import { sha256 } from "../base/files.ts";
import type { Ranges } from "./weight-file.ts";

/** Bytes as an open file. `taken` counts the bytes that were read, each into its own memory. */
export function memoryRanges(bytes: Uint8Array, path = "x"): Ranges & { readonly taken: number } {
  let taken = 0;
  return {
    path,
    size: bytes.length,
    get taken() {
      return taken;
    },
    async read(offset, length) {
      const inside = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
      if (!inside || offset + length > bytes.length) throw dataError(`${path} is cut off.`);
      taken += length;
      return Uint8Array.from(bytes.subarray(offset, offset + length));
    },
    digest: () => async () => sha256(bytes),
    close: async () => undefined,
  };
}
