/** The options of `compare`, each described once. */
import * as v from "valibot";
import { abortSignal, callOf, checked, type Described, listenerEntries, optionsOf, seed } from "../../base/options.ts";
import { datasetSchema } from "../../data/dataset/dataset-schema.ts";
import { unfreeze as stages } from "../../train/options.ts";
import { networkSchema } from "../../zoo/network-schema.ts";
import { budgetSeconds } from "../recommend/options.ts";
import type { CompareOptions } from "./compare.ts";

/** Seconds for everything, where nothing else is said. */
export const DEFAULT_COMPARE_BUDGET = 600;

/** What fine-tuning trains: it is always one of the strategies that are compared, so that `none` is no choice. */
export const unfreeze = v.pipe(
  stages,
  v.check((value) => value !== "none", "a stage's name, a number of last stages, or all"),
);

const schema = optionsOf({
  dataset: datasetSchema,
  network: networkSchema,
  budgetSeconds: v.optional(budgetSeconds, DEFAULT_COMPARE_BUDGET),
  unfreeze: v.optional(unfreeze),
  seed: v.optional(seed, 0),
  ...listenerEntries,
  stop: v.optional(abortSignal),
} satisfies Described<CompareOptions>);

/** Options with their defaults. */
export type CheckedCompareOptions = v.InferOutput<typeof schema>;

/** @throws GraftError (`usage`) */
export const checkedCompareOptions = (options: CompareOptions): CheckedCompareOptions =>
  checked(schema, options, callOf("compare"));
