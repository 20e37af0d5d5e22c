/** Reads ONNX files as networks. */
import { readBytes, sha256 } from "../base/files.ts";
import type { Model } from "../graph/model.ts";
import { decodeModel } from "../graph/onnx/read.ts";
import { raiseOpset } from "../graph/raise-opset.ts";
import { type ModelOptions, networkOf } from "./model-network.ts";
import type { Network } from "./network.ts";

/** Reads an ONNX file as a model in Graft's operator set, with the SHA-256 of its bytes. Throws a GraftError as {@link openFile}. */
export async function readModelFile(path: string): Promise<{ model: Model; sha256: string }> {
  const bytes = await readBytes(path, path, { missing: "usage" });
  return { model: raiseOpset(decodeModel(bytes, path)), sha256: sha256(bytes) };
}

/**
 * Opens an ONNX file as a network.
 *
 * @throws GraftError (`usage`) if there is no such file or tensor; (`data`) if the file is not a network that Graft can use
 */
export async function openFile(path: string, options: ModelOptions = {}): Promise<Network> {
  const { model: read, sha256 } = await readModelFile(path);
  return { ...(await networkOf(read, path, options)), sha256 };
}
