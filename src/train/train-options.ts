/** The options of `train` as a whole, in Node. What they consist of is in options.ts, which a page shares. */
import * as v from "valibot";
import {
  callback,
  callOf,
  checked,
  type Described,
  flag,
  listenerEntries,
  oneOf,
  onlyWhen,
  optionsOf,
  seed,
  text,
} from "../base/options.ts";
import { datasetSchema } from "../data/dataset/dataset-schema.ts";
import { networkSchema } from "../zoo/network-schema.ts";
import { DEFAULT_EFFORT } from "./effort.ts";
import type { FinetuneOptions } from "./finetune/finetune.ts";
import type { EpochRecord } from "./finetune/trainer.ts";
import {
  boundaryCache,
  classWeights,
  effort,
  effortWithoutFinetuning,
  oneLearningRate,
  recipeEntries,
  STAGES,
  unfreeze,
} from "./options.ts";
import type { TrainOptions } from "./train.ts";

/** A fine-tuning that is asked for: `none` would be none. */
const unfrozen = v.pipe(
  unfreeze,
  v.check((value) => value !== "none", `${STAGES} (to train the head alone, leave finetune out)`),
);

const finetuneEntries = {
  unfreeze: unfrozen,
  ...recipeEntries,
  fromScratch: v.optional(flag),
  findLr: v.optional(flag),
  boundaryCache: v.optional(boundaryCache),
  precision: v.optional(oneOf(["float16", "float32"])),
  checkpoint: v.optional(text("the path of a file")),
  resume: v.optional(flag),
} satisfies Described<FinetuneOptions>;

/** The library's `finetune`. */
export const finetuneOptions = v.pipe(
  optionsOf(finetuneEntries),
  oneLearningRate(),
  onlyWhen(
    ({ checkpoint }) => checkpoint !== undefined,
    ["resume"],
    "to a training with checkpoints: add {checkpoint}",
  ),
);

const howEntries = {
  seed: v.optional(seed, 0),
  classWeights: v.optional(classWeights, "none"),
  effort: v.optional(effort, DEFAULT_EFFORT),
  finetune: v.optional(finetuneOptions),
  ...listenerEntries,
  onEpoch: v.optional(callback<(record: EpochRecord) => void>()),
} satisfies Described<Omit<TrainOptions, "dataset" | "network">>;

const NO_EFFORT = "{effort} chooses what the head alone is trained on: leave it out, or {finetune}.";
const schema = v.pipe(
  optionsOf({ dataset: datasetSchema, network: networkSchema, ...howEntries }),
  effortWithoutFinetuning(({ finetune }) => finetune !== undefined, NO_EFFORT),
);
const howSchema = v.pipe(
  optionsOf(howEntries),
  effortWithoutFinetuning(({ finetune }) => finetune !== undefined, NO_EFFORT),
);

/** Options with their defaults. */
export type CheckedTrainOptions = v.InferOutput<typeof schema>;

/** @throws GraftError (`usage`) where an option does not fit, or does not fit another */
export const checkedTrainOptions = (options: TrainOptions): CheckedTrainOptions =>
  checked(schema, options, callOf("train"));

/** The options of `train` other than the dataset and the network, checked before these are opened. Throws as the whole does. */
export const checkHowToTrain = (options: Omit<TrainOptions, "dataset" | "network">): void =>
  void checked(howSchema, options, callOf("train"));
