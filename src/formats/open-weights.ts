/** Opens files of weights by their first bytes. Other known formats are refused with advice. Knows no network by name. */
import { basename } from "node:path";
import { dataError } from "../base/errors.ts";
import { SIGNATURE } from "./hdf5/hdf5-file.ts";
import { openKerasH5 } from "./hdf5/keras-h5.ts";
import { openSafetensors } from "./safetensors.ts";
import type { WeightFile } from "./weight-file.ts";
import { openRanges, type Ranges } from "./weight-file.ts";

interface Format {
  /** Whether a file that starts with these bytes has this format. */
  readonly begins: (head: Uint8Array) => boolean;
  readonly open: (ranges: Ranges) => Promise<WeightFile>;
}

const startsWith =
  (bytes: readonly number[], at = 0) =>
  (head: Uint8Array): boolean =>
    bytes.every((byte, index) => head[at + index] === byte);

const text = (word: string): number[] => [...Buffer.from(word)];

/** A format that Graft does not read weights from; the sentence says why and what to do. */
const refused = (begins: Format["begins"], sentence: (path: string) => string): Format => ({
  begins,
  open: async ({ path }) => {
    throw dataError(sentence(path));
  },
});

const network = (path: string, format: string): string =>
  `${path} is ${format}, a complete network and not weights for another: pass it as --network ${basename(path)}.`;

const pickle = (path: string): string =>
  `${path} is a PyTorch pickle or another archive, which can contain programs and is never opened: save the weights as .safetensors (Python: safetensors.torch.save_file(model.state_dict(), "weights.safetensors")), or from Keras with save_weights("weights.weights.h5").`;

const formats: readonly Format[] = [
  { begins: startsWith(SIGNATURE), open: openKerasH5 },
  // The header's first byte, after its length.
  { begins: startsWith(text("{"), 8), open: openSafetensors },
  refused(startsWith(text("PK")), pickle),
  refused(startsWith([0x80]), pickle),
  refused(startsWith(text("TFL3"), 4), (path) => network(path, "a TensorFlow Lite model")),
  refused(startsWith(text("{")), (path) => network(path, "a TensorFlow.js model (or other JSON)")),
  // Field 1 of the protobuf, the version.
  refused(startsWith([0x08]), (path) => network(path, "an ONNX model")),
];

/**
 * Opens a file of weights: safetensors, or HDF5 from Keras. The caller closes it.
 *
 * @throws GraftError (`usage`) if the file does not exist; (`data`) if it is damaged or has another format, with advice
 */
export async function openWeightFile(path: string): Promise<WeightFile> {
  const ranges = await openRanges(path);
  try {
    const head = await ranges.read(0, Math.min(16, ranges.size));
    const format = formats.find(({ begins }) => begins(head));
    if (format) return await format.open(ranges);
    throw dataError(`${path} is not a file of weights that Graft reads: pass safetensors or Keras' HDF5 (.h5).`);
  } catch (error) {
    await ranges.close();
    throw error;
  }
}
