/**
 * The artifact: one ONNX file that needs nothing of Graft. Raw pixels of any size in; probabilities, logits and
 * features out; class names and how it was made in the metadata. Here are the names that make it one.
 */

import { PREPROCESSING_KEY } from "../zoo/preprocessing-metadata.ts";

/** The artifact's input, uint8 `[N, H, W, 3]`, RGB. */
export const IMAGE = "image";
/** The artifact's outputs besides `features`. */
export const LOGITS = "logits";
export const PROBABILITIES = "probabilities";

/** Metadata keys of an artifact. */
export const artifactKeys = {
  version: "graft.version",
  classes: "graft.classes",
  preprocessing: PREPROCESSING_KEY,
  network: "graft.network",
  temperature: "graft.temperature",
} as const;

/** A linear layer on raw features: logits = features · weightsᵀ + bias. */
export interface Head {
  /** `[classes, features]` */
  readonly weights: Float32Array;
  /** `[classes]` */
  readonly bias: Float32Array;
}
