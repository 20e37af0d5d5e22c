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
/** How unlike everything that the model was trained on a picture is, float `[N]`, 0 to 2: see {@link Novelty}. */
export const NOVELTY = "novelty";

/** Metadata keys of an artifact. */
export const artifactKeys = {
  version: "graft.version",
  classes: "graft.classes",
  preprocessing: PREPROCESSING_KEY,
  network: "graft.network",
  temperature: "graft.temperature",
  novelty: "graft.novelty",
  conformal: "graft.conformal",
} as const;

/** A linear layer on raw features: logits = features · weightsᵀ + bias. */
export interface Head {
  /** `[classes, features]` */
  readonly weights: Float32Array;
  /** `[classes]` */
  readonly bias: Float32Array;
}

/**
 * When to say "unknown": the cosine distance of a picture's features to the `neighbours`-th nearest of training pictures' features.
 * Source: Sun, Ming, Zhu and Li, "Out-of-distribution detection with deep nearest neighbors", ICML 2022, arXiv 2204.06507. Kept
 * because it measures best here: `npm run bench -- novelty`.
 */
export interface Novelty {
  /** `[M, features]`: features of training pictures, scaled to length 1 and then each row to 8 bits by its own scale. */
  readonly bank: Int8Array;
  /** `[M]` */
  readonly scales: Float32Array;
  readonly rule: NoveltyRule;
}

/** What the metadata says of {@link NOVELTY}. */
export interface NoveltyRule {
  /** A picture whose novelty is above this is unknown. */
  readonly threshold: number;
  /** The share of pictures like the training ones that is called unknown nevertheless. */
  readonly falseAlarmRate: number;
  readonly neighbours: number;
  /** Pictures that the threshold was fitted on. */
  readonly fittedOn: number;
}
