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
/** How unlike everything that the model was trained on a picture is, float `[N]`: see {@link Novelty}. */
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
 * When to say "unknown": the sum of two scores, each less its median over known pictures, in units of how far their 95th percentile is
 * above it. The first is the cosine distance of a picture's features to the `neighbours`-th nearest of training pictures' features (Sun,
 * Ming, Zhu and Li, "Out-of-distribution detection with deep nearest neighbors", ICML 2022, arXiv 2204.06507), which tells what is
 * far from everything; the second the log odds against the top class, which tell what is between classes. Kept because it measures best
 * here: `npm run bench -- unknowns`. Artifacts of earlier versions have the distance alone.
 */
export interface Novelty {
  /** `[M, features]`: features of training pictures, scaled to length 1 and then each row to 8 bits by its own scale. */
  readonly bank: Int8Array;
  /** `[M]` */
  readonly scales: Float32Array;
  readonly distance: Units;
  readonly odds: Units;
  readonly rule: NoveltyRule;
}

/** What a score of known pictures is: its median, and how far its 95th percentile is above that. */
export interface Units {
  readonly median: number;
  readonly spread: number;
}

/** What is added to both sides of log odds, so that 1 is no certainty without end; of less, the rounding of probabilities would show. */
export const LEAST_ODDS = 1e-4;

/** What the metadata says of {@link NOVELTY}. */
export interface NoveltyRule {
  /** A picture whose novelty is above this is unknown; {@link MOST_NOVELTY} where too few pictures were there to call any unknown. */
  readonly threshold: number;
  /** The share of pictures like the training ones that is called unknown nevertheless. */
  readonly falseAlarmRate: number;
  readonly neighbours: number;
  /** Pictures that the threshold was fitted on; those that belong together count as one. */
  readonly fittedOn: number;
}

/** No picture's novelty is above this. */
export const MOST_NOVELTY = 1e9;
