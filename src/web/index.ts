/**
 * Graft in a page: opening models and networks, predicting and training. Bundle it for the browser (Vite, webpack, esbuild); docs/browser.md
 * describes how, and how to serve every file from your own site. Nothing here needs Node.
 *
 * @example
 * import { openArtifact } from "graft-ml/web";
 * const model = await openArtifact("/model.onnx");
 * const { label, probability } = await model.predict(file);
 */

export { type ErrorCode, errorCodes, type FailureKind, GraftError } from "../base/errors.ts";
export type { OnProgress, Progress } from "../base/progress.ts";
export type { RgbImage } from "../data/image/rgb-image.ts";
export type { RankedClass } from "../model/predict.ts";
export type { Network } from "../networks/network.ts";
export type { FeatureChoice, FeatureTrial } from "../train/features/choose-features.ts";
export type { Effort } from "../train/option-entries.ts";
export { openArtifact, openNetwork, type Prediction, type WebArtifact } from "./open-in-page.ts";
export { type EngineFacts, openEngine } from "./page-engine.ts";
export type {
  Device,
  EngineOptions,
  Example,
  NetworkOptions,
  OpenOptions,
  PredictOptions,
  Source,
  TrainOptions,
} from "./page-options.ts";
export { type Picture, pixelsOf } from "./page-pixels.ts";
export { type TrainResult, train } from "./train-in-page.ts";
