/** The options of `recommend` and of gathering candidates, each described once. */
import * as v from "valibot";
import {
  abortSignal,
  above,
  callOf,
  checked,
  type Described,
  flag,
  listenerEntries,
  listOf,
  optionsOf,
  seed,
  text,
} from "../../base/options.ts";
import { datasetSchema } from "../../data/dataset/dataset-schema.ts";
import { preprocessing } from "../../zoo/model-options.ts";
import type { Candidate, CostLimits, GatherOptions, LeftOut } from "./candidates.ts";
import type { RecommendOptions } from "./recommend.ts";

/** Seconds for everything but fetching, where nothing else is said. */
export const DEFAULT_BUDGET = 120;

/** A year: beyond it, a clock's arithmetic means nothing. */
const MOST_SECONDS = 366 * 86_400;
export const budgetSeconds = above(0, MOST_SECONDS);
export const latencyMs = above(0);
export const sizeBytes = above(0);

const limits = optionsOf({
  latencyMs: v.optional(latencyMs),
  sizeBytes: v.optional(sizeBytes),
} satisfies Described<CostLimits>);

const object = <T>(wanted: string) => v.custom<T>((value) => typeof value === "object" && value !== null, wanted);
const field = v.custom<{ readonly candidates: readonly Candidate[]; readonly leftOut: readonly LeftOut[] }>(
  (value) =>
    typeof value === "object" &&
    value !== null &&
    Array.isArray(Reflect.get(value, "candidates")) &&
    Array.isArray(Reflect.get(value, "leftOut")),
  "what gatherCandidates gives",
);

const schema = optionsOf({
  dataset: datasetSchema,
  field: v.optional(field),
  limits: v.optional(limits),
  budgetSeconds: v.optional(budgetSeconds, DEFAULT_BUDGET),
  seed: v.optional(seed, 0),
  ...listenerEntries,
  stop: v.optional(abortSignal),
} satisfies Described<RecommendOptions>);

const gatherSchema = optionsOf({
  offline: v.optional(flag, false),
  named: v.optional(listOf(text("a network's name or the path of an .onnx file"))),
  preprocessing: v.optional(preprocessing),
  limits: v.optional(limits),
  remembered: v.optional(listOf(object<NonNullable<GatherOptions["remembered"]>[number]>("a remembered cost"))),
  onProgress: listenerEntries.onProgress,
} satisfies Described<GatherOptions>);

/** @throws GraftError (`usage`) */
export const checkedRecommendOptions = (options: RecommendOptions) => checked(schema, options, callOf("recommend"));

/** @throws GraftError (`usage`) */
export const checkedGatherOptions = (options: GatherOptions) =>
  checked(gatherSchema, options, callOf("gatherCandidates"));
