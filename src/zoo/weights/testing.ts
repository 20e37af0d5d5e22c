/** For tests of weight files: files in memory that count what is read of them, and files that exist only as names. */

import { dataError } from "../../base/errors.ts";
import { sha256 } from "../../base/files.ts";
import { float32Tensor, type Tensor } from "../../graph/tensor.ts";
import type { Definition } from "../architectures/definition.ts";
import { parityTensor } from "../architectures/testing.ts";
import { storedDims } from "./names/layout.ts";
import type { Naming } from "./names/naming.ts";
import type { Ranges } from "./ranges.ts";
import type { WeightEntry, WeightFile } from "./weight-file.ts";

/** Bytes as an open file; `taken` is how many have been read so far, each into memory of its own. */
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

/** A file of these tensors. */
export const fileOf = (tensors: ReadonlyMap<string, Tensor>, path = "weights"): WeightFile => ({
  path,
  format: "test",
  entries: tensors,
  read: async (name) => tensors.get(name)!,
  digest: () => async () => sha256(path),
  close: async () => undefined,
});

/** A file of names and shapes alone: what a library would write for a definition. Reading gives zeros. */
export function emptyFile(definition: Definition, naming: Naming, path = "weights"): WeightFile {
  const entries = new Map<string, WeightEntry>(
    [...definition.parameters].map(([name, { dims }]) => {
      const { names, layout } = naming.source(name, dims)!;
      return [names[0]!, { type: "float32", dims: storedDims(layout, dims) }];
    }),
  );
  const read = async (name: string): Promise<Tensor> => {
    const { dims } = entries.get(name)!;
    return float32Tensor(dims, new Float32Array(dims.reduce((n, size) => n * size, 1)));
  };
  return { path, format: "test", entries, read, digest: () => async () => sha256(path), close: async () => undefined };
}

/** Tensors by the rule of parity, under names of their own. */
export const someTensors = (shapes: Readonly<Record<string, readonly number[]>>): Map<string, Tensor> =>
  new Map(Object.entries(shapes).map(([name, dims]) => [name, parityTensor(name, dims, 1)]));
