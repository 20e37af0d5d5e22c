/** Opening a file of weights by its first bytes; and what to do with files that are something else. */
import { basename } from "node:path";
import { dataError } from "../../base/errors.ts";
import { SIGNATURE } from "./hdf5/file.ts";
import { openKerasH5 } from "./keras-h5.ts";
import { openRanges, type Ranges } from "./ranges.ts";
import { openSafetensors } from "./safetensors/read.ts";
import type { WeightFile } from "./weight-file.ts";

interface Format {
  /** Whether a file that begins with these bytes is of this format. */
  readonly begins: (head: Uint8Array) => boolean;
  readonly open: (ranges: Ranges) => Promise<WeightFile>;
}

const startsWith =
  (bytes: readonly number[], at = 0) =>
  (head: Uint8Array): boolean =>
    bytes.every((byte, index) => head[at + index] === byte);

const text = (word: string): number[] => [...Buffer.from(word)];

/** A format that Graft does not take weights from: why not, and what to do. */
const refused = (begins: Format["begins"], sentence: (path: string) => string): Format => ({
  begins,
  open: async ({ path }) => {
    throw dataError(sentence(path));
  },
});

const network = (path: string, format: string): string =>
  `${path} is ${format}, a network of its own and no weights for another: use it with --network ${basename(path)}.`;

const pickle = (path: string): string =>
  `${path} is a PyTorch pickle or another archive, which can hold programs and is never opened: save the weights as .safetensors (Python: safetensors.torch.save_file(model.state_dict(), "weights.safetensors")), or from Keras with save_weights("weights.weights.h5").`;

const formats: readonly Format[] = [
  { begins: startsWith(SIGNATURE), open: openKerasH5 },
  // The header's first byte, behind its length.
  { begins: startsWith(text("{"), 8), open: openSafetensors },
  refused(startsWith(text("PK")), pickle),
  refused(startsWith([0x80]), pickle),
  refused(startsWith(text("TFL3"), 4), (path) => network(path, "a TensorFlow Lite model")),
  refused(startsWith(text("{")), (path) => network(path, "a TensorFlow.js model (or other JSON)")),
  // Field 1 of the protobuf, the version.
  refused(startsWith([0x08]), (path) => network(path, "an ONNX model")),
];

/**
 * Opens a file of weights: safetensors, or HDF5 of Keras. Close it when done.
 *
 * @throws GraftError (`usage`) where there is no such file; (`data`) where it is damaged or of another format, with what to
 * do instead
 */
export async function openWeightFile(path: string): Promise<WeightFile> {
  const ranges = await openRanges(path);
  try {
    const head = await ranges.read(0, Math.min(16, ranges.size));
    const format = formats.find(({ begins }) => begins(head));
    if (format) return await format.open(ranges);
    throw dataError(`${path} is no file of weights that Graft reads: give one of safetensors or Keras' HDF5 (.h5).`);
  } catch (error) {
    await ranges.close();
    throw error;
  }
}
