/**
 * Graft as a library: what the command line does, as functions.
 *
 * @example
 * import { discoverDataset, openNetwork, train, encodeModel } from "graft-ml";
 * const dataset = await discoverDataset("photos");
 * const network = await openNetwork("resnet50");
 * const { artifact, test } = await train({ dataset, network });
 * console.log(test.evaluation.accuracy, test.evaluation.interval);
 */
// First of all, so that nothing of Graft can open a session before.
import "./runtime/telemetry.ts";

export { compare } from "./advise/compare/compare.ts";
export type { Comparison, Needs, StrategyTraining } from "./advise/compare/comparison.ts";
export type { CompareOptions } from "./advise/compare/options.ts";
export type { DomainGap } from "./advise/gap/confidence.ts";
export { gatherCandidates } from "./advise/recommend/candidates.ts";
export { type Scores, scoresOf } from "./advise/recommend/judge.ts";
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
export { renderComparison } from "./report/advice/comparison.ts";
export { renderRecommendation } from "./report/advice/recommendation.ts";
export { renderReport } from "./report/report.ts";
export type { FeatureChoice, FeatureTrial } from "./train/choose-features.ts";
export type { Effort } from "./train/effort.ts";
export { type TrainOptions, type TrainResult, train } from "./train/train.ts";
export { type CatalogueEntry, catalogue } from "./zoo/catalogue.ts";
export type { Network } from "./zoo/network.ts";
export { openNetwork } from "./zoo/open.ts";
export type { OpenOptions } from "./zoo/open-options.ts";
export type { Preprocessing } from "./zoo/preprocessing.ts";
