/**
 * `train` in Node: checks the options, trains on a dataset of files, and returns the result with its examples. Training itself is in
 * train.ts; the options that a page shares are in option-entries.ts.
 */
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
} from "../base/option-schemas.ts";
import type { OnProgress } from "../base/progress.ts";
import { inSentences } from "../base/system-errors.ts";
import { datasetDigest, datasetSchema } from "../data/dataset/dataset.ts";
import type { Dataset, Example } from "../data/dataset/discover.ts";
import type { Calibration, MeasuredCalibration } from "../metrics/calibrate.ts";
import { type Network, networkSchema } from "../networks/network.ts";
import { digestsOf, fileImage, type Skipped } from "./features/image-files.ts";
import type { FinetuneOptions } from "./finetune/finetune-contract.ts";
import type { EpochRecord } from "./finetune/training-loop.ts";
import type { PartPredictions, Straddling, Trained, ValidationSource } from "./learn.ts";
import { nodeEnvironment } from "./node.ts";
import {
  boundaryCache,
  classWeights,
  DEFAULT_EFFORT,
  type Effort,
  effort,
  effortWithoutFinetuning,
  oneLearningRate,
  recipeEntries,
  STAGES,
  unfreeze,
} from "./option-entries.ts";
import { trainIn } from "./train.ts";
import type { TestedUncertainty, UncertaintyFacts } from "./uncertainty.ts";

export type { GroupFacts, Straddling, ValidationSource } from "./learn.ts";

export interface TrainOptions {
  readonly dataset: Dataset;
  readonly network: Network;
  /** Default 0. The same seed gives the same split, folds and weights. */
  readonly seed?: number | undefined;
  /** `balanced`: each class counts the same, however rare. Default `none`: each image does. */
  readonly classWeights?: "none" | "balanced" | undefined;
  /**
   * How many features are tried, by cross-validation. `quick` (default): cuts of the network that cost no extra time.
   * `better`: all of its cuts, and the mean over mirrored views. Fine-tuning starts from the network's own cut.
   */
  readonly effort?: Effort | undefined;
  /** Also trains stages of the network. Default: the head alone. */
  readonly finetune?: FinetuneOptions | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Called with a sentence for each choice made and each deviation from the request. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Called after each epoch of fine-tuning, once it has been validated. */
  readonly onEpoch?: ((record: EpochRecord) => void) | undefined;
  /** When aborted, the training ends with the signal's reason; fine-tuning writes its checkpoint first. */
  readonly signal?: AbortSignal | undefined;
}

/** `none` is invalid here: it means no fine-tuning. */
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

/** @throws GraftError (`usage`) if an option is invalid, or conflicts with another */
export const checkedTrainOptions = (options: TrainOptions): CheckedTrainOptions =>
  checked(schema, options, callOf("train"));

/** Checks the options other than the dataset and the network before these are opened. Throws like {@link checkedTrainOptions}. */
export const checkHowToTrain = (options: Omit<TrainOptions, "dataset" | "network">): void =>
  void checked(howSchema, options, callOf("train"));

/** Predictions for examples of a dataset, row by row, with their evaluation. */
export interface ExamplePredictions extends Omit<PartPredictions, "places"> {
  readonly examples: readonly Example[];
}

export interface TrainResult
  extends Omit<Trained, "calibration" | "uncertainty" | "trained" | "validation" | "test" | "skipped" | "digests"> {
  readonly calibration: Calibration & { readonly test: MeasuredCalibration };
  /** The uncertainty of predictions, and its results on the test images. */
  readonly trust: UncertaintyFacts & TestedUncertainty;
  readonly counts: {
    readonly train: number;
    readonly validation: number;
    readonly test: number;
    readonly skipped: number;
  };
  readonly validation: ExamplePredictions & { readonly source: ValidationSource };
  readonly test: ExamplePredictions & {
    readonly source: "folder" | "held-out";
    /** Undefined if no test image has a copy in training or validation. */
    readonly straddling: Straddling | undefined;
  };
  readonly skipped: readonly Skipped[];
  /** The dataset's fingerprint, see {@link datasetDigest}. */
  readonly datasetDigest: string;
}

/**
 * Trains a head on frozen features (a linear probe) and, if requested, the last stages of the network with it.
 *
 * @throws GraftError (`usage`) if an option is invalid; (`data`) if the data cannot be learned from; (`work`) if disk or memory does not
 *   suffice; the signal's reason if it was aborted
 */
export const train = async (options: TrainOptions): Promise<TrainResult> =>
  inSentences(() => trainChecked(checkedTrainOptions(options)));

async function trainChecked({ dataset, ...settings }: CheckedTrainOptions): Promise<TrainResult> {
  const { classes, examples } = dataset;
  const set = { classes, examples: examples.map(({ path, ...rest }) => ({ ...rest, source: fileImage(path) })) };
  const trained = await trainIn(nodeEnvironment, set, { ...settings, test: "held-out" });
  const { uncertainty, trained: trainedOn, validation, test, skipped, digests, calibration, ...rest } = trained;
  if (!test) throw new Error("A training that holds out a test part has one.");
  const { falseAlarms, sets, source, straddling, calibration: tested, ...predictions } = test;
  return {
    ...rest,
    calibration: { ...calibration, test: tested },
    trust: { ...uncertainty, falseAlarms, sets },
    counts: {
      train: trainedOn,
      validation: validation.source === "cross-validation" ? 0 : validation.places.length,
      test: test.places.length,
      skipped: skipped.length,
    },
    validation: { ...withExamples(validation, dataset), source: validation.source },
    test: { ...withExamples(predictions, dataset), source, straddling },
    skipped: skipped.map(({ place, reason }) => ({ path: examples[place]!.path, reason })),
    datasetDigest: datasetDigest(dataset, digestsOf(digests)),
  };
}

const withExamples = (
  { places, logits, probabilities, evaluation }: PartPredictions,
  { examples }: Dataset,
): ExamplePredictions => ({
  examples: places.map((place) => examples[place]!),
  logits,
  probabilities,
  evaluation,
});
