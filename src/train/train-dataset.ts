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
} from "../base/option-schemas.ts";
import type { OnProgress } from "../base/progress.ts";
import { inSentences } from "../base/system-errors.ts";
import { datasetDigest, datasetSchema } from "../data/dataset/dataset.ts";
import type { Dataset, Example } from "../data/dataset/discover.ts";
import type { Calibration, MeasuredCalibration } from "../metrics/calibrate.ts";
import { type Network, networkSchema } from "../networks/network.ts";
import { digestsOf, fileImage, type Skipped } from "./features/features-at-hand.ts";
import type { FinetuneOptions } from "./finetune/fine-tuning.ts";
import type { EpochRecord } from "./finetune/training-loop.ts";
import type { Judged as JudgedPlaces, Straddling, Trained, ValidationSource } from "./learn.ts";
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

// `train` in Node: a dataset of files in, a result with its examples out. Training itself is train.ts.

/** Predictions for examples of a dataset, row by row. */
export interface Judged extends Omit<JudgedPlaces, "places"> {
  readonly examples: readonly Example[];
}

export interface TrainResult
  extends Omit<Trained, "calibration" | "uncertainty" | "trained" | "validation" | "test" | "skipped" | "digests"> {
  readonly calibration: Calibration & { readonly test: MeasuredCalibration };
  /** When a prediction is to be doubted, and how that did on the test images. */
  readonly trust: UncertaintyFacts & TestedUncertainty;
  readonly counts: {
    readonly train: number;
    readonly validation: number;
    readonly test: number;
    readonly skipped: number;
  };
  readonly validation: Judged & { readonly source: ValidationSource };
  readonly test: Judged & {
    readonly source: "folder" | "held-out";
    /** Test images of which training or validation has a copy: in a test part of the dataset's own, or where a class is one group. */
    readonly straddling: Straddling | undefined;
  };
  readonly skipped: readonly Skipped[];
  /** The dataset's fingerprint, see {@link datasetDigest}. */
  readonly datasetDigest: string;
}

/**
 * Trains a head on frozen features (a linear probe) and, where asked, the last stages of the network with it.
 *
 * @throws GraftError (`usage`) where an option does not fit; (`data`) where the data cannot be learned from; (`work`) where
 *   the disk or the memory does not suffice; the signal's reason where it was aborted
 */
export const train = async (options: TrainOptions): Promise<TrainResult> =>
  inSentences(() => trainChecked(checkedTrainOptions(options)));

async function trainChecked({ dataset, ...settings }: CheckedTrainOptions): Promise<TrainResult> {
  const { classes, examples } = dataset;
  const set = { classes, examples: examples.map(({ path, ...rest }) => ({ ...rest, source: fileImage(path) })) };
  const trained = await trainIn(nodeEnvironment, set, { ...settings, test: "held-out" });
  const { uncertainty, trained: learned, validation, test, skipped, digests, calibration, ...rest } = trained;
  if (!test) throw new Error("A training that holds out a test part has one.");
  const { falseAlarms, sets, source, straddling, calibration: tested, ...judged } = test;
  return {
    ...rest,
    calibration: { ...calibration, test: tested },
    trust: { ...uncertainty, falseAlarms, sets },
    counts: {
      train: learned,
      validation: validation.source === "cross-validation" ? 0 : validation.places.length,
      test: test.places.length,
      skipped: skipped.length,
    },
    validation: { ...withExamples(validation, dataset), source: validation.source },
    test: { ...withExamples(judged, dataset), source, straddling },
    skipped: skipped.map(({ place, reason }) => ({ path: examples[place]!.path, reason })),
    datasetDigest: datasetDigest(dataset, digestsOf(digests)),
  };
}

const withExamples = ({ places, logits, probabilities, evaluation }: JudgedPlaces, { examples }: Dataset): Judged => ({
  examples: places.map((place) => examples[place]!),
  logits,
  probabilities,
  evaluation,
});
