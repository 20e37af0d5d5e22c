/**
 * Chooses the features, fits a head on them and, if requested, fine-tunes the last stages of the network with it. Also declares the result
 * of a training. Evaluation and calibration are in train.ts.
 */
import { createMeter, secondsSince } from "../base/progress.ts";
import { type Random, randomFor } from "../base/random.ts";
import type { Calibration, MeasuredCalibration } from "../metrics/calibrate.ts";
import type { Evaluation } from "../metrics/evaluation.ts";
import type { Cut, CutShape } from "../networks/backbone/backbone.ts";
import type { Network } from "../networks/network.ts";
import type { Model } from "../onnx/model.ts";
import type { Environment } from "./environment.ts";
import { chooseFeatures, type FeatureChoice } from "./features/choose-features.ts";
import { type ReadCuts, readingOf } from "./features/feature-table.ts";
import {
  type Finetuned,
  type FinetuneFacts,
  finetune,
  type Labelled,
  type TrainingSplit,
} from "./finetune/finetune-or-probe.ts";
import { furtherText, heldOutParts, predictionFolds } from "./finetune/validation.ts";
import { fitHead, fitsAtFirst, freshHead, type HeadFit, type HeadOptions, headLogits } from "./head/fit.ts";
import { type DataPart, type Parts, selected, type TrainSettings, withTables } from "./training-set.ts";
import type { TestedUncertainty, UncertaintyFacts } from "./uncertainty.ts";

/** What training uses once its features are chosen: the settings have the network with that cut. */
export interface Prepared {
  readonly settings: TrainSettings;
  readonly classes: number;
  readonly shape: CutShape;
  readonly parts: Parts;
  /** The head of the chosen features, and how they were chosen; undefined for fine-tuning, which starts from the network's own cut. */
  readonly fit: { readonly head: HeadFit; readonly headSeconds: number; readonly choice: FeatureChoice } | undefined;
}

/** Chooses the features. */
export async function withChosenFeatures(
  settings: TrainSettings,
  classes: number,
  readings: ReadCuts,
  parts: Parts,
  random: Random,
): Promise<Prepared> {
  const { network, effort } = settings;
  const at = (cut: Cut): Omit<Prepared, "fit"> => ({
    settings: { ...settings, network: { ...network, cut: cut.tensor } },
    classes,
    shape: cut.shape,
    parts: withTables(parts, (table) => readingOf(readings, table, cut)),
  });
  if (settings.finetune) return { ...at(readings.cuts[0]!), settings, fit: undefined };
  const began = performance.now();
  const { train } = parts;
  const { cut, head, choice } = await chooseFeatures({
    ...{ readings, effort, classes },
    ...{ table: train.table, labels: train.labels, groups: train.groups },
    fit: async (table, how) => (await fitted(settings, classes, { ...train, table }, random, how)).head,
  });
  return { ...at(cut), fit: { head, headSeconds: secondsSince(began), choice } };
}

const NOTHING: Labelled = { images: [], labels: new Int32Array(0) };

/** The trained network and head, with their predictions. */
export interface Learned {
  readonly network: Network;
  readonly head: HeadFit;
  readonly train: DataPart;
  /** For a fine-tuned network: the images that it was not trained on. */
  readonly heldOut?: DataPart | undefined;
  /** `[N, C]`: logits of `heldOut`; without it, the out-of-fold logits of `train`. */
  readonly unseenLogits: Float32Array;
  readonly validation: {
    readonly part: DataPart;
    readonly logits: Float32Array;
    readonly source: ValidationSource;
    /** Folds for fits on these predictions: those of the cross-validation if the predictions come from one. */
    readonly foldOf: Int32Array;
  };
  /** `[N, C]`; undefined without a test part. */
  readonly testLogits: Float32Array | undefined;
  readonly headSeconds: number;
  readonly finetuned: Finetuned | undefined;
}

/** Trains the head and, if requested, the last stages with it. */
export async function learn(prepared: Prepared, random: Random, environment: Environment): Promise<Learned> {
  const { settings, classes, shape, parts, fit } = prepared;
  if (fit || !settings.finetune) return probe(prepared, random);
  const { trainings, heldOut } = validationParts(settings, parts, random);
  const [first, ...others] = trainings;
  const { head, headSeconds } = await fitted(settings, classes, first!.train, random);
  const labelled = ({ images, labels, groups }: DataPart): Labelled => ({ images, labels, groups });
  const { network, seed, classWeights, onProgress, onNote, onEpoch, signal } = settings;
  const further: TrainingSplit[] = [];
  for (const { train, validation } of others) {
    const { head: own } = await fitted(settings, classes, train, randomFor(seed, `head ${further.length + 2}`));
    further.push({ head: own.head, train: labelled(train), validation: labelled(validation) });
  }
  if (further.length > 0) onNote?.(furtherText(first!.validation.labels.length, further));
  const finetuned = await finetune(
    {
      network,
      shape,
      head: settings.finetune.fromScratch ? freshHead(shape.features, classes, seed) : head.head,
      train: labelled(first!.train),
      validation: labelled(first!.validation),
      further,
      test: parts.test ? labelled(parts.test) : NOTHING,
      classes,
      classWeights,
      seed,
      onProgress,
      onNote,
      onEpoch,
      signal,
    },
    settings.finetune,
    environment,
  );
  const { tuned } = finetuned;
  // If fine-tuning did not beat the linear probe, the probe also trains on the held-out images.
  if (!tuned) return { ...(await probe(prepared, random)), finetuned };
  return {
    network: tuned.network,
    head: { ...head, head: tuned.head },
    train: first!.train,
    heldOut: first!.validation,
    // The first training's own logits come first.
    unseenLogits: tuned.validationLogits.subarray(0, first!.validation.labels.length * classes),
    validation: {
      part: heldOut,
      logits: tuned.validationLogits,
      source: parts.validation ? "folder" : "held-out",
      foldOf: predictionFolds(heldOut.labels, heldOut.groups, seed),
    },
    testLogits: parts.test && tuned.testLogits,
    headSeconds,
    finetuned,
  };
}

/** The images that fine-tuning trains on and is validated on. */
interface ValidationParts {
  /** The parts of each training; only the first training's network may be kept. */
  readonly trainings: readonly { readonly train: DataPart; readonly validation: DataPart }[];
  /** All held-out images, in the order of the trainings. */
  readonly heldOut: DataPart;
}

function validationParts(
  { seed, finetune }: TrainSettings,
  { train, validation }: Parts,
  random: Random,
): ValidationParts {
  // The dataset's own validation part is used unchanged.
  if (validation) return { trainings: [{ train, validation }], heldOut: validation };
  // From scratch there is no useful probe to fall back to, and trainings are long.
  const atMost = finetune?.fromScratch ? 1 : undefined;
  const { labels, groups } = train;
  const found = heldOutParts(labels, groups, random, randomFor(seed, "further validation"), atMost);
  return {
    trainings: found.map(({ kept, held }) => ({ train: selected(train, kept), validation: selected(train, held) })),
    heldOut: selected(
      train,
      found.flatMap(({ held }) => held),
    ),
  };
}

/** Trains a head alone, unless the choice of features already fitted it. */
async function probe(
  { settings, classes, parts: { train, validation, test }, fit }: Prepared,
  random: Random,
): Promise<Learned> {
  const { head, headSeconds } = fit ?? (await fitted(settings, classes, train, random));
  return {
    network: settings.network,
    head,
    train,
    validation: validation
      ? {
          part: validation,
          logits: headLogits(head.head, validation.table),
          source: "folder",
          foldOf: predictionFolds(validation.labels, validation.groups, settings.seed),
        }
      : { part: train, logits: head.outOfFoldLogits, source: "cross-validation", foldOf: head.foldOf },
    unseenLogits: head.outOfFoldLogits,
    testLogits: test && headLogits(head.head, test.table),
    headSeconds,
    finetuned: undefined,
  };
}

/** Fits a head on frozen features. */
async function fitted(
  { classWeights, onProgress, signal }: TrainSettings,
  classes: number,
  { table, labels, groups }: DataPart,
  random: Random,
  how: Pick<HeadOptions, "near" | "foldOf"> = {},
): Promise<{ head: HeadFit; headSeconds: number }> {
  const began = performance.now();
  const fits = fitsAtFirst(how);
  const meter = createMeter({ stage: "Fitting the head", unit: "fits", total: fits, onProgress });
  const head = await fitHead(table, labels, classes, random, {
    ...how,
    classWeights,
    groups,
    onRound: (running) => meter.set(fits - running),
    signal,
  });
  return { head, headSeconds: secondsSince(began) };
}

// The result of a training, the same on every platform.

/** Predictions for labelled images, row by row, with their evaluation. */
export interface PartPredictions {
  /** Positions in the set. */
  readonly places: readonly number[];
  /** `[N, C]` */
  readonly logits: Float32Array;
  /** `[N, C]`, after temperature scaling; images that the temperature was fitted on use the temperature of the other folds */
  readonly probabilities: Float32Array;
  readonly evaluation: Evaluation;
}

/** The test images that have a copy in training or validation, and the accuracy on the others. */
export interface Straddling {
  readonly images: number;
  /** Undefined if there are no others. */
  readonly without: Pick<Evaluation, "examples" | "correct" | "accuracy" | "interval"> | undefined;
}

/** The results on the test images. */
export interface Tested extends PartPredictions, TestedUncertainty {
  readonly source: "folder" | "held-out";
  /**
   * Undefined if no test image has a copy in training or validation. Such copies occur in a given test part, or if a class is one group.
   */
  readonly straddling: Straddling | undefined;
  readonly calibration: MeasuredCalibration;
}

/** Groups of examples, each kept on one side of every split. */
export interface GroupFacts {
  /** Groups of two or more. */
  readonly count: number;
  /** Examples in them. */
  readonly images: number;
  readonly largest: number;
  /** Classes with a single group, which had to be divided: their figures do not apply to new groups. */
  readonly inseparable: readonly string[];
}

/** Where the predictions come from that fine-tuning, calibration and the validation scores use. */
export type ValidationSource = "cross-validation" | "folder" | "held-out";

export interface Trained {
  readonly artifact: Model;
  /** The given network with the chosen cut. */
  readonly network: Network;
  readonly shape: CutShape;
  /** Which features were tried and chosen; undefined after fine-tuning, which starts from the network's own cut. */
  readonly choice: FeatureChoice | undefined;
  readonly head: HeadFit;
  readonly calibration: Calibration;
  readonly uncertainty: UncertaintyFacts;
  /** Images that the head was trained on. */
  readonly trained: number;
  readonly validation: PartPredictions & { readonly source: ValidationSource };
  /** Undefined without a test part. */
  readonly test: Tested | undefined;
  readonly groups: GroupFacts;
  /** Images that could not be used, by their positions in the set. */
  readonly skipped: readonly { readonly place: number; readonly reason: string }[];
  /** The digest of each image, by position; undefined for images that could not be loaded. */
  readonly digests: readonly (string | undefined)[];
  /** Whether every parameter of the backbone that was not trained has the same bytes in the artifact as in the network. */
  readonly frozenUnchanged: boolean;
  /** Seconds; 0 for steps that were not needed. Decoding is part of `extract`. */
  readonly timings: {
    readonly decode: number;
    readonly extract: number;
    /** The search for copies. */
    readonly copies: number;
    readonly head: number;
    readonly finetune: number;
    /** The out-of-distribution detector and the conformal sets. */
    readonly uncertainty: number;
  };
  /** Images per second; 0 for steps that were not needed. */
  readonly rates: { readonly decode: number; readonly forward: number; readonly step: number };
  /** Images whose features were computed, and those found in the store. */
  readonly features: { readonly computed: number; readonly cached: number };
  /** The report of fine-tuning, if requested. */
  readonly finetune?: FinetuneFacts | undefined;
}
