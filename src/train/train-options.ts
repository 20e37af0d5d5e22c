/** The options of `train` as a whole, in Node. What they consist of is in options.ts, which a page shares. */
import * as v from "valibot";
import { callback, callOf, checked, type Described, listenerEntries, optionsOf, seed } from "../base/options.ts";
import { datasetSchema } from "../data/dataset/dataset-schema.ts";
import { networkSchema } from "../zoo/network-schema.ts";
import type { OnDecoded } from "./features/extract.ts";
import type { EpochRecord } from "./finetune/trainer.ts";
import { classWeights, finetuneOptions } from "./options.ts";
import type { TrainOptions } from "./train.ts";

const entries = {
  dataset: datasetSchema,
  network: networkSchema,
  seed: v.optional(seed, 0),
  classWeights: v.optional(classWeights, "none"),
  finetune: v.optional(finetuneOptions),
  ...listenerEntries,
  onEpoch: v.optional(callback<(record: EpochRecord) => void>()),
  onDecoded: v.optional(callback<OnDecoded>()),
} satisfies Described<TrainOptions>;

const schema = optionsOf(entries);

/** Options with their defaults. */
export type CheckedTrainOptions = v.InferOutput<typeof schema>;

/** @throws GraftError (`usage`) where an option does not fit, or does not fit another */
export const checkedTrainOptions = (options: TrainOptions): CheckedTrainOptions =>
  checked(schema, options, callOf("train"));
