/**
 * Graft as a library: what the command line does, as functions.
 *
 * @example
 * import { train } from "graft-ml";
 * const result = await train({ data: "photos", network: "resnet50" });
 * console.log(result.test.evaluation.accuracy, result.test.evaluation.interval);
 * await result.save("out");
 */
// First of all, so that nothing of Graft can open a session before.
import "./runtime/telemetry.ts";

export { compare } from "./advise/compare/compare.ts";
export type { Comparison, Needs, StrategyTraining } from "./advise/compare/comparison.ts";
export type { CompareOptions } from "./advise/compare/options.ts";
export type { DomainGap } from "./advise/gap/confidence.ts";
export { gatherCandidates } from "./advise/recommend/candidates.ts";
export { scoresOf, type TransferabilityScores } from "./advise/recommend/judge.ts";
export type { Candidate, RecommendOptions } from "./advise/recommend/options.ts";
export { recommend } from "./advise/recommend/recommend.ts";
export type { RankedCandidate, Recommendation } from "./advise/recommend/recommendation.ts";
export type { Artifact, RawPrediction } from "./artifact/open.ts";
export { openArtifact, ranked } from "./artifact/open.ts";
export { type Doubt, doubtOf, type UncertaintyRules } from "./artifact/trust.ts";
export { type Audit, audit } from "./audit/audit.ts";
export type { Finding, Suspect } from "./audit/finding.ts";
export type { AuditOptions } from "./audit/options.ts";
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
} from "./cache/cache.ts";
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
export { decodeImage, type RgbImage } from "./data/decode.ts";
export { evaluatePredictions } from "./evaluate/evaluate.ts";
export type { Evaluation } from "./evaluate/evaluation.ts";
export { type Explainers, type Explanation, type Method, openExplainers } from "./explain/explain.ts";
export type { Graph, Model, Node } from "./graph/model.ts";
export { decodeModel } from "./graph/onnx/read.ts";
export { encodeModel } from "./graph/onnx/write.ts";
export { type TrainedRun, type TrainOptions, train } from "./library.ts";
export { renderComparison, renderRecommendation, renderReport } from "./report/pages.ts";
export type { SavedRun, SaveOptions } from "./run/save.ts";
export type { TrainRun } from "./run/train-run.ts";
export type { FeatureChoice, FeatureTrial } from "./train/choose-features.ts";
export type { Effort } from "./train/effort.ts";
export type { TrainResult } from "./train/train-dataset.ts";
export { type CatalogueEntry, catalogue } from "./zoo/catalogue.ts";
export type { Network } from "./zoo/network.ts";
export { openNetwork } from "./zoo/open.ts";
export type { OpenOptions } from "./zoo/open-options.ts";
export type { Preprocessing } from "./zoo/preprocessing.ts";
