/** The options of `compare`: types, schema and defaults. */
import * as v from "valibot";
import {
  abortSignal,
  callOf,
  checked,
  type Described,
  listenerEntries,
  optionsOf,
  rule,
  seed,
  whole,
} from "../../base/options.ts";
import type { OnProgress } from "../../base/progress.ts";
import { datasetSchema } from "../../data/dataset/dataset-schema.ts";
import type { Dataset } from "../../data/dataset/discover.ts";
import { unfreeze as stages } from "../../train/options.ts";
import type { Network } from "../../zoo/network.ts";
import { networkSchema } from "../../zoo/network-schema.ts";
import { budgetSeconds } from "../recommend/options.ts";

export interface CompareOptions {
  readonly dataset: Dataset;
  readonly network: Network;
  /** Seconds for everything. Default {@link DEFAULT_COMPARE_BUDGET}, unless `epochs` is given. */
  readonly budgetSeconds?: number | undefined;
  /**
   * Bounds the work instead of the time: maximum epochs of one training on all images. Then everything planned is done, however long it
   * takes, and the same options give the same result on any machine of the same kind.
   */
  readonly epochs?: number | undefined;
  /** Number of train/evaluation splits. Default 3, as far as time allows. */
  readonly splits?: number | undefined;
  /** What fine-tuning trains, as for `--unfreeze`. Default: the last third of the stages. */
  readonly unfreeze?: string | number | undefined;
  /** Default 0. The images that `train` holds out for its test with the same seed are left alone. */
  readonly seed?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Called with a sentence for each deviation from the request. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Aborts the work with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Ends the work early when aborted; the result is what is known by then. */
  readonly stop?: AbortSignal | undefined;
}

/** The default budget in seconds. */
export const DEFAULT_COMPARE_BUDGET = 600;
/** The default number of splits. */
export const DEFAULT_SPLITS = 3;

/** What fine-tuning trains. `none` is invalid: fine-tuning is always one of the compared strategies. */
export const unfreeze = v.pipe(
  stages,
  v.check((value) => value !== "none", "a stage's name, a number of last stages, or all"),
);

/** Maximum epochs of one training; the upper bound catches typing errors. */
export const epochs = whole(2, 100_000);
/** Number of splits. */
export const splits = whole(1, 20);

/** A comparison is bounded by work or by time, not both. */
export const oneBound = <T extends { budgetSeconds?: number | undefined; epochs?: number | undefined }>() =>
  rule<T>(
    ({ budgetSeconds: seconds, epochs: most }) => seconds === undefined || most === undefined,
    "{epochs} bounds the work, {budgetSeconds} the time: leave one of them out.",
  );

const entries = {
  dataset: datasetSchema,
  network: networkSchema,
  budgetSeconds: v.optional(budgetSeconds),
  epochs: v.optional(epochs),
  splits: v.optional(splits, DEFAULT_SPLITS),
  unfreeze: v.optional(unfreeze),
  seed: v.optional(seed, 0),
  ...listenerEntries,
  stop: v.optional(abortSignal),
} satisfies Described<CompareOptions>;

const schema = v.pipe(optionsOf(entries), oneBound());

/** Options with their defaults. */
export type CheckedCompareOptions = v.InferOutput<typeof schema>;

/** @throws GraftError (`usage`) */
export const checkedCompareOptions = (options: CompareOptions): CheckedCompareOptions =>
  checked(schema, options, callOf("compare"));
