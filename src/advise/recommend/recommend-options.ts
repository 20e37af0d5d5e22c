/** The options of `recommend` and `gatherCandidates`: types, schemas and defaults. */
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
} from "../../base/option-schemas.ts";
import type { OnProgress } from "../../base/progress.ts";
import { datasetSchema } from "../../data/dataset/dataset.ts";
import type { Dataset } from "../../data/dataset/discover.ts";
import type { CatalogueEntry } from "../../networks/catalogue/catalogue.ts";
import type { Network } from "../../networks/network.ts";
import type { OpenOptions } from "../../networks/open-options.ts";
import { preprocessing } from "../../networks/open-options.ts";
import type { Remembered } from "./network-cost.ts";

/** A network that may take part. */
export interface Candidate {
  /** The value of `--network`. */
  readonly name: string;
  /** Its catalogue entry; undefined for a file. */
  readonly entry?: CatalogueEntry | undefined;
  open(options: Pick<OpenOptions, "onProgress">): Promise<Network>;
}

/** A network that was left out, and why. */
export interface LeftOut {
  readonly name: string;
  readonly reason: string;
  /** Set if a limit of its cost left it out. */
  readonly isOverLimit?: true | undefined;
}

/** Upper limits of a network's cost. */
export interface CostLimits {
  /** Median milliseconds per image. */
  readonly latencyMs?: number | undefined;
  /** Bytes of the trained model. */
  readonly sizeBytes?: number | undefined;
}

export interface GatherOptions {
  /** Uses only what is on this disk. */
  readonly offline?: boolean | undefined;
  /** Files, or names of the catalogue, that are always included. */
  readonly named?: readonly string[] | undefined;
  /** The preprocessing of files. */
  readonly preprocessing?: OpenOptions["preprocessing"] | undefined;
  readonly limits?: CostLimits | undefined;
  readonly remembered?: readonly Remembered[] | undefined;
  readonly onProgress?: OnProgress | undefined;
}

export interface RecommendOptions {
  readonly dataset: Dataset;
  /** The candidates and what was left out. Default: {@link gatherCandidates} of the catalogue. */
  readonly field?: { readonly candidates: readonly Candidate[]; readonly leftOut: readonly LeftOut[] } | undefined;
  readonly limits?: CostLimits | undefined;
  /** Seconds for everything except downloads. Default {@link DEFAULT_BUDGET}. */
  readonly budgetSeconds?: number | undefined;
  /** Default 0. The images that `train` holds out for its test with the same seed are not used. */
  readonly seed?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Called with a sentence for each choice made and each deviation from the request. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Aborts the work with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Ends the work early when aborted; the result is what is known by then. */
  readonly stop?: AbortSignal | undefined;
}

/** The default budget in seconds, without downloads. */
export const DEFAULT_BUDGET = 120;

/** A year. */
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
  "the result of gatherCandidates",
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
