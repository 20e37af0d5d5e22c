/** For tests of weights: files of tensors in memory, and files of names and shapes only. */
import { sha256 } from "../../base/files.ts";
import type { WeightEntry, WeightFile } from "../../formats/weight-file.ts";
import { float32Tensor, type Tensor } from "../../onnx/model.ts";
import type { Definition } from "../architectures/definition.ts";
import { parityTensor } from "../architectures/testing.ts";
import type { Naming } from "./naming.ts";
import { storedDims } from "./weight-layout.ts";

/** A file of these tensors. */
export const fileOf = (tensors: ReadonlyMap<string, Tensor>, path = "weights"): WeightFile => ({
  path,
  format: "test",
  entries: tensors,
  read: async (name) => tensors.get(name)!,
  digest: () => async () => sha256(path),
  close: async () => undefined,
});

/** A file of the names and shapes that a library would write for a definition. All values are zero. */
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

/** Tensors of these shapes, with values by the rule of parity. */
export const someTensors = (shapes: Readonly<Record<string, readonly number[]>>): Map<string, Tensor> =>
  new Map(Object.entries(shapes).map(([name, dims]) => [name, parityTensor(name, dims, 1)]));
