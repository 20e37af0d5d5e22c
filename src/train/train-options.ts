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
import type { OnProgress } from "../base/progress.ts";
import { datasetSchema } from "../data/dataset/dataset-schema.ts";
import type { Dataset } from "../data/dataset/discover.ts";
import type { Network } from "../zoo/network.ts";
import { networkSchema } from "../zoo/network-schema.ts";
import { DEFAULT_EFFORT, type Effort } from "./effort.ts";
import type { FinetuneOptions } from "./finetune/input.ts";
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

export interface TrainOptions {
  readonly dataset: Dataset;
  readonly network: Network;
  /** Default 0. The same seed gives the same split, folds and weights. */
  readonly seed?: number | undefined;
  /** `balanced`: each class counts the same, however rare. Default `none`: each image does. */
  readonly classWeights?: "none" | "balanced" | undefined;
  /**
   * How much is tried before the features are settled on, by cross-validation. `quick` (default): cuts of the network that cost no time.
   * `better`: all of its cuts, and the mean over mirrored views. A fine-tuning starts from the network's own cut.
   */
  readonly effort?: Effort | undefined;
  /** Trains stages of the network too; without it, the head alone. */
  readonly finetune?: FinetuneOptions | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Called with a sentence for each choice that was made and each thing that went otherwise than asked. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Called after each epoch of fine-tuning, when it has been judged. */
  readonly onEpoch?: ((record: EpochRecord) => void) | undefined;
  /** Aborted, the training ends with the signal's reason; a fine-tuning writes its checkpoint first. */
  readonly signal?: AbortSignal | undefined;
}

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
