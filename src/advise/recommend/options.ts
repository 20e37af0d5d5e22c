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
import type { OnProgress } from "../../base/progress.ts";
import { datasetSchema } from "../../data/dataset/dataset-schema.ts";
import type { Dataset } from "../../data/dataset/discover.ts";
import type { CatalogueEntry } from "../../zoo/catalogue.ts";
import { preprocessing } from "../../zoo/model-options.ts";
import type { Network } from "../../zoo/network.ts";
import type { OpenOptions } from "../../zoo/open-options.ts";
import type { Remembered } from "../costs/remembered.ts";

/** A network that may take part. */
export interface Candidate {
  /** What `--network` takes. */
  readonly name: string;
  /** What the catalogue says of it; nothing of a file. */
  readonly entry?: CatalogueEntry | undefined;
  open(options: Pick<OpenOptions, "onProgress">): Promise<Network>;
}

/** A network that takes no part, and why. */
export interface LeftOut {
  readonly name: string;
  readonly reason: string;
}

/** What a network may cost at most. */
export interface CostLimits {
  /** Median milliseconds of one picture. */
  readonly latencyMs?: number | undefined;
  /** Bytes of the trained model. */
  readonly sizeBytes?: number | undefined;
}

export interface GatherOptions {
  /** Takes only what is on this disk. */
  readonly offline?: boolean | undefined;
  /** Files, or names of the catalogue, that take part whatever else does. */
  readonly named?: readonly string[] | undefined;
  /** How files want their pixels. */
  readonly preprocessing?: OpenOptions["preprocessing"] | undefined;
  readonly limits?: CostLimits | undefined;
  readonly remembered?: readonly Remembered[] | undefined;
  readonly onProgress?: OnProgress | undefined;
}

export interface RecommendOptions {
  readonly dataset: Dataset;
  /** Who may take part, and who does not. Default: {@link gatherCandidates} of the catalogue. */
  readonly field?: { readonly candidates: readonly Candidate[]; readonly leftOut: readonly LeftOut[] } | undefined;
  readonly limits?: CostLimits | undefined;
  /** Seconds for everything but fetching. Default {@link DEFAULT_BUDGET}. */
  readonly budgetSeconds?: number | undefined;
  /** Default 0. The pictures that `train` holds out for its test with the same seed are left alone. */
  readonly seed?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Called with a sentence for each choice that was made and each thing that went otherwise than asked. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Aborted, the work ends with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Aborted, the work ends early, and what is known by then is the answer. */
  readonly stop?: AbortSignal | undefined;
}

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
