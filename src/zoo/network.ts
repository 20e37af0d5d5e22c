/** What Graft knows of a network before anything is cut or trained. No weights are fetched here. */
import type { Model } from "../graph/model.ts";
import { elementCount } from "../graph/tensor.ts";
import type { Preprocessing } from "./preprocessing.ts";

/** A pretrained network, read and ready to be cut. */
export interface Network {
  /** Its catalogue name, or the file's path. */
  readonly name: string;
  /** What it is, in one sentence: architecture, training data, anything unusual. */
  readonly description: string;
  readonly licence: string;
  /** Where the weights came from. */
  readonly source: string;
  /** SHA-256 of the ONNX file that was read. */
  readonly sha256: string;
  /** In Graft's operator set; one image input. */
  readonly model: Model;
  readonly preprocessing: Preprocessing;
  /** Whether the preprocessing is an assumption, because the file does not say. */
  readonly assumedPreprocessing?: true;
  /** The tensor where the backbone ends. */
  readonly cut: string;
}

/** How many numbers a model learned: elements of its floating-point constants with one dimension or more. */
export function countParameters(model: Model): number {
  let parameters = 0;
  for (const { type, dims } of model.graph.initializers.values()) {
    if (type === "float32" && dims.length > 0) parameters += elementCount(dims);
  }
  return parameters;
}
