/**
 * Graft as a library: what the command line does, as functions.
 *
 * @example
 * import { train } from "graft-ml";
 * const result = await train({ data: "photos", network: "resnet50" });
 * console.log(result.test.evaluation.accuracy, result.test.evaluation.interval);
 * await result.save("out");
 */
// First, so that no part of Graft can open a session before.
import "./onnx/session/telemetry.ts";

export { compare } from "./advise/compare/compare.ts";
export type { CompareOptions, Comparison, Needs, StrategyTraining } from "./advise/compare/comparison.ts";
export type { DomainGap } from "./advise/domain-gap.ts";
export { gatherCandidates } from "./advise/recommend/candidates.ts";
export { recommend } from "./advise/recommend/recommend.ts";
export type {
  Candidate,
  RankedCandidate,
  Recommendation,
  RecommendOptions,
} from "./advise/recommend/recommendation.ts";
export { scoresOf, type TransferabilityScores } from "./advise/recommend/transferability-scores.ts";
export type { AuditOptions } from "./audit/audit.ts";
export { type Audit, audit } from "./audit/audit.ts";
export type { Finding, Suspect } from "./audit/check.ts";
export { type ErrorCode, errorCodes, type FailureKind, GraftError } from "./base/errors.ts";
export type { OnProgress, Progress } from "./base/progress.ts";
export {
  type CacheContents,
  type CacheEntry,
  type CacheKind,
  type CacheSelection,
  cacheKinds,
  listCache,
  type Pruned,
  type PruneOptions,
  pruneCache,
  type Verified,
  type VerifyOptions,
  verifyCache,
} from "./cache/manage-cache.ts";
export {
  type Dataset,
  type DiscoverOptions,
  discoverDataset,
  type Example,
  type Ignored,
  type IgnoredKind,
  type Purpose,
  type Split,
  withTestFolder,
} from "./data/dataset/discover.ts";
export { decodeImage, type RgbImage } from "./data/image/decode.ts";
export { type Explainers, type Explanation, type Method, openExplainers } from "./explain/explain.ts";
export { type TrainedRun, type TrainOptions, train } from "./library.ts";
export type { Evaluation } from "./metrics/evaluation.ts";
export { evaluatePredictions } from "./metrics/evaluation.ts";
export type { Artifact, RawPrediction } from "./model/open-artifact.ts";
export { openArtifact, ranked } from "./model/open-artifact.ts";
export { type Uncertainty, type UncertaintyRules, uncertaintyOf } from "./model/predict.ts";
export { type CatalogueEntry, catalogue } from "./networks/catalogue/catalogue.ts";
export type { Network } from "./networks/network.ts";
export { openNetwork } from "./networks/open.ts";
export type { OpenOptions } from "./networks/open-options.ts";
export type { Preprocessing } from "./networks/preprocessing/preprocessing.ts";
export { decodeModel } from "./onnx/codec/read-model.ts";
export { encodeModel } from "./onnx/codec/write-model.ts";
export type { Graph, Model, Node } from "./onnx/model.ts";
export { renderComparison, renderRecommendation, renderReport } from "./report/pages.ts";
export type { TrainRun } from "./run/facts.ts";
export type { SavedRun, SaveOptions } from "./run/save.ts";
export type { FeatureChoice, FeatureTrial } from "./train/features/choose-features.ts";
export type { Effort } from "./train/option-entries.ts";
export type { TrainResult } from "./train/train-dataset.ts";
