/** Any ONNX file as a network: read, checked for one image input, its classifier found. */
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { codeOf, dataError, messageOf, usageError } from "../base/errors.ts";
import { sha256 } from "../base/files.ts";
import type { Model, Value } from "../graph/model.ts";
import { decodeModel } from "../graph/onnx/read.ts";
import { raiseOpset } from "../graph/raise-opset.ts";
import { findClassifier } from "./classifier.ts";
import type { Network } from "./network.ts";
import { type PresetName, preprocessingPresets } from "./preprocessing.ts";

export interface FileOptions {
  /** The tensor where the backbone ends; by default what the classifier reads. */
  readonly cut?: string;
  /** How pixels become the network's input; the file does not say. Default `inception`, announced by {@link openFile}'s caller. */
  readonly preprocessing?: PresetName;
}

/** What is assumed of a file that says nothing of its preprocessing. */
export const ASSUMED_PREPROCESSING: PresetName = "inception";

/** Reads an ONNX file as a model, raised to Graft's operator set, with its SHA-256. */
export async function readModelFile(path: string): Promise<{ model: Model; sha256: string }> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") throw usageError(`There is no file ${path}: check the path.`, error);
    throw dataError(`Could not read ${path}: ${messageOf(error)}.`, error);
  }
  return { model: raiseOpset(decodeModel(bytes, path)), sha256: sha256(bytes) };
}

/** The one image input of a model: 4 dimensions, three channels. Throws a data error where there is none. */
export function imageInput(model: Model, source: string): { value: Value; layout: "nchw" | "nhwc"; size: number } {
  const [value, ...others] = model.graph.inputs;
  const dims = value?.dims;
  if (!value || others.length > 0 || dims?.length !== 4 || value.type !== "float32") {
    throw dataError(`${source} is not an image network: it must have one float32 input of four dimensions.`);
  }
  const layout = dims[1] === 3 ? "nchw" : dims[3] === 3 ? "nhwc" : undefined;
  const size = layout === "nchw" ? dims[2] : dims[1];
  if (!layout) throw dataError(`${source} does not take pictures of three colours: its input is [${dims}].`);
  return { value, layout, size: typeof size === "number" ? size : 224 };
}

/** Opens an ONNX file as a network. */
export async function openFile(path: string, options: FileOptions = {}): Promise<Network> {
  const { model, sha256 } = await readModelFile(path);
  const { layout, size } = imageInput(model, path);
  const cut = options.cut ?? findClassifier(model.graph, path).cut;
  const preset = preprocessingPresets[options.preprocessing ?? ASSUMED_PREPROCESSING];
  return {
    name: basename(path),
    description: `The network in ${basename(path)}.`,
    licence: "unknown (see where the file came from)",
    source: basename(path),
    sha256,
    model,
    preprocessing: { size, fit: { kind: "stretch" }, interpolation: "bilinear", layout, ...preset },
    ...(options.preprocessing === undefined ? { assumedPreprocessing: true as const } : {}),
    cut,
  };
}
