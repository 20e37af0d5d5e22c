/**
 * Graft in a page: what needs a browser. Bundle it for the browser (Vite, webpack, esbuild): docs/browser.md says how, and
 * how everything comes from your own site.
 *
 * @example
 * import { openArtifact } from "graft-ml/web";
 * const model = await openArtifact("/model.onnx");
 * const { label, probability } = await model.predict(file);
 */
export type { Ranked } from "../artifact/artifact.ts";
export { type ErrorCode, errorCodes, type FailureKind, GraftError } from "../base/errors.ts";
export type { OnProgress, Progress } from "../base/progress.ts";
export type { RgbImage } from "../data/rgb-image.ts";
export type { FeatureChoice, FeatureTrial } from "../train/choose-features.ts";
export type { Effort } from "../train/effort.ts";
export type { Network } from "../zoo/network.ts";
export { openArtifact, type Prediction, type WebArtifact } from "./artifact.ts";
export { type EngineFacts, openEngine } from "./engine.ts";
export { openNetwork } from "./network.ts";
export type {
  Device,
  EngineOptions,
  Example,
  NetworkOptions,
  OpenOptions,
  PredictOptions,
  Source,
  TrainOptions,
} from "./options.ts";
export { type Picture, pixelsOf } from "./pixels.ts";
export { type TrainResult, train } from "./train.ts";
