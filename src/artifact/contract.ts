/**
 * The artifact's contract: the names of its input, outputs and metadata keys. An artifact is one ONNX file that needs nothing of Graft:
 * raw pixels of any size in; probabilities, logits and features out; class names and provenance in the metadata.
 */

import { PREPROCESSING_KEY } from "../zoo/preprocessing-metadata.ts";

/** The artifact's input, uint8 `[N, H, W, 3]`, RGB. */
export const IMAGE = "image";
/** The artifact's outputs besides `features`. */
export const LOGITS = "logits";
export const PROBABILITIES = "probabilities";
/** The output of the out-of-distribution score, float `[N]`: see {@link Novelty}. */
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
 * Decides when an image is unknown. The out-of-distribution score is the sum of two scores, each minus its median over known images and
 * divided by the distance from the median to their 95th percentile. The first is the cosine distance of the image's features to the
 * `neighbours`-th nearest of training images' features (Sun, Ming, Zhu and Li, "Out-of-distribution detection with deep nearest
 * neighbors", ICML 2022, arXiv 2204.06507), which detects what is far from everything; the second the log odds against the top class,
 * which detects what is between classes. Chosen by measurement: `npm run bench -- unknowns`. Artifacts of earlier versions have the
 * distance alone.
 */
export interface Novelty {
  /** `[M, features]`: features of training images, scaled to length 1, then quantised to 8 bits with one scale per row. */
  readonly bank: Int8Array;
  /** `[M]` */
  readonly scales: Float32Array;
  readonly distance: Units;
  readonly odds: Units;
  readonly rule: NoveltyRule;
}

/** The units of a score, from known images: its median, and the distance from there to the 95th percentile. */
export interface Units {
  readonly median: number;
  readonly spread: number;
}

/** Added to both sides of the log odds, so that they are finite; a lower value would amplify the rounding of probabilities. */
export const LEAST_ODDS = 1e-4;

/** The metadata of {@link NOVELTY}. */
export interface NoveltyRule {
  /** An image with a score above this is unknown; {@link MOST_NOVELTY} if there were too few images to call any unknown. */
  readonly threshold: number;
  /** The share of images like the training images that is called unknown nevertheless. */
  readonly falseAlarmRate: number;
  readonly neighbours: number;
  /** Images that the threshold was fitted on; those of one group count as one. */
  readonly fittedOn: number;
}

/** No score is above this. */
export const MOST_NOVELTY = 1e9;
