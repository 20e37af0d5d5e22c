/**
 * Learning: the features are settled on, a head is fitted to them and, where asked, the last stages of the network are tuned with it. What
 * comes of it is judged in conclude.ts.
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
import { type Apart, type Finetuned, type FinetuneFacts, finetune, type Labelled } from "./finetune/finetune.ts";
import { furtherText, heldOutParts, predictionFolds } from "./finetune/judgement.ts";
import { fitHead, fitsAtFirst, freshHead, type HeadFit, type HeadOptions, headLogits } from "./head/fit.ts";
import { type Part, type Parts, selected, type TrainSettings, withTables } from "./training-set.ts";
import type { TestedUncertainty, UncertaintyFacts } from "./uncertainty.ts";

/** What is learned on, once it is settled of which features: the settings with the network cut there. */
export interface Settled {
  readonly settings: TrainSettings;
  readonly classes: number;
  readonly shape: CutShape;
  readonly parts: Parts;
  /** The head that was fitted meanwhile, and how the choice was made; nothing where a fine-tuning starts from the network's own cut. */
  readonly fit: { readonly head: HeadFit; readonly headSeconds: number; readonly choice: FeatureChoice } | undefined;
}

/** Settles which features are learned on. */
export async function settle(
  settings: TrainSettings,
  classes: number,
  readings: ReadCuts,
  parts: Parts,
  random: Random,
): Promise<Settled> {
  const { network, effort } = settings;
  const at = (cut: Cut): Omit<Settled, "fit"> => ({
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

/** What was learned: a network, its head, and their predictions. */
export interface Learned {
  readonly network: Network;
  readonly head: HeadFit;
  readonly train: Part;
  /** Of a fine-tuned network: what it was not trained on. */
  readonly heldOut?: Part | undefined;
  /** `[N, C]`: logits of `heldOut`, or else to `train` out of fold. */
  readonly unseenLogits: Float32Array;
  readonly validation: {
    readonly part: Part;
    readonly logits: Float32Array;
    readonly source: ValidationSource;
    /** Folds for what is fitted on these predictions: of the cross-validation that they come from, where they do. */
    readonly foldOf: Int32Array;
  };
  /** `[N, C]`; nothing where there is no test part. */
  readonly testLogits: Float32Array | undefined;
  readonly headSeconds: number;
  readonly finetuned: Finetuned | undefined;
}

/** Trains the head and, where asked, the last stages with it. */
export async function learn(settled: Settled, random: Random, environment: Environment): Promise<Learned> {
  const { settings, classes, shape, parts, fit } = settled;
  if (fit || !settings.finetune) return probe(settled, random);
  const { apart, judged } = validationParts(settings, parts, random);
  const [first, ...others] = apart;
  const { head, headSeconds } = await fitted(settings, classes, first!.train, random);
  const labelled = ({ images, labels, groups }: Part): Labelled => ({ images, labels, groups });
  const { network, seed, classWeights, onProgress, onNote, onEpoch, signal } = settings;
  const further: Apart[] = [];
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
  // A linear probe that fine-tuning did not beat learns from the held-out images too.
  if (!tuned) return { ...(await probe(settled, random)), finetuned };
  return {
    network: tuned.network,
    head: { ...head, head: tuned.head },
    train: first!.train,
    heldOut: first!.validation,
    // Its own come first.
    unseenLogits: tuned.validationLogits.subarray(0, first!.validation.labels.length * classes),
    validation: {
      part: judged,
      logits: tuned.validationLogits,
      source: parts.validation ? "folder" : "held-out",
      foldOf: predictionFolds(judged.labels, judged.groups, seed),
    },
    testLogits: parts.test && tuned.testLogits,
    headSeconds,
    finetuned,
  };
}

/** What fine-tuning is trained and judged on. */
interface ValidationParts {
  /** What each training has and holds out; the first is the one that may be kept. */
  readonly apart: readonly { readonly train: Part; readonly validation: Part }[];
  /** All that is held out, of one training after the other. */
  readonly judged: Part;
}

function validationParts(
  { seed, finetune }: TrainSettings,
  { train, validation }: Parts,
  random: Random,
): ValidationParts {
  // A validation part of the dataset's own is taken as it is.
  if (validation) return { apart: [{ train, validation }], judged: validation };
  // From scratch there is no probe worth keeping instead, and trainings are long.
  const atMost = finetune?.fromScratch ? 1 : undefined;
  const { labels, groups } = train;
  const found = heldOutParts(labels, groups, random, randomFor(seed, "further validation"), atMost);
  return {
    apart: found.map(({ kept, held }) => ({ train: selected(train, kept), validation: selected(train, held) })),
    judged: selected(
      train,
      found.flatMap(({ held }) => held),
    ),
  };
}

async function probe(
  { settings, classes, parts: { train, validation, test }, fit }: Settled,
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

/** A head on frozen features. */
async function fitted(
  { classWeights, onProgress, signal }: TrainSettings,
  classes: number,
  { table, labels, groups }: Part,
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

// What a training comes to, on any platform: types alone.

/** Predictions for images whose class is known, row by row. */
export interface Judged {
  /** Positions in the set. */
  readonly places: readonly number[];
  /** `[N, C]` */
  readonly logits: Float32Array;
  /** `[N, C]`, after temperature scaling; of images that the temperature was fitted on, at that of the other folds */
  readonly probabilities: Float32Array;
  readonly evaluation: Evaluation;
}

/** Test images that are not new to the model, and the accuracy on the others. */
export interface Straddling {
  readonly images: number;
  /** Nothing where no other is left. */
  readonly without: Pick<Evaluation, "examples" | "correct" | "accuracy" | "interval"> | undefined;
}

/** How the model does on the test images. */
export interface Tested extends Judged, TestedUncertainty {
  readonly source: "folder" | "held-out";
  /** Test images of which training or validation has a copy: in a test part of the dataset's own, or where a class is one group. */
  readonly straddling: Straddling | undefined;
  readonly calibration: MeasuredCalibration;
}

/** Examples that belong together and were kept on one side of every split. */
export interface GroupFacts {
  /** Groups of two or more. */
  readonly count: number;
  /** Examples in them. */
  readonly images: number;
  readonly largest: number;
  /** Classes with a single group: it was divided, and their figures say nothing of new groups. */
  readonly inseparable: readonly string[];
}

/** What fine-tuning, calibration and the validation scores were judged on. */
export type ValidationSource = "cross-validation" | "folder" | "held-out";

export interface Trained {
  readonly artifact: Model;
  /** The network as it was given, cut where it was chosen to be. */
  readonly network: Network;
  readonly shape: CutShape;
  /** Which features were tried and taken; nothing where a fine-tuning settled on its own. */
  readonly choice: FeatureChoice | undefined;
  readonly head: HeadFit;
  readonly calibration: Calibration;
  readonly uncertainty: UncertaintyFacts;
  /** Images that the head was trained on. */
  readonly trained: number;
  readonly validation: Judged & { readonly source: ValidationSource };
  /** Nothing where there is no test part. */
  readonly test: Tested | undefined;
  readonly groups: GroupFacts;
  /** Images that could not be used, by their positions in the set. */
  readonly skipped: readonly { readonly place: number; readonly reason: string }[];
  /** What tells each image from others, by its position; nothing for those that could not be loaded. */
  readonly digests: readonly (string | undefined)[];
  /** Whether every parameter of the backbone that was not trained has the same bytes in the artifact as in the network. */
  readonly frozenUnchanged: boolean;
  /** Seconds; 0 for what was not done. Decoding is part of `extract`. */
  readonly timings: {
    readonly decode: number;
    readonly extract: number;
    /** The search for copies. */
    readonly copies: number;
    readonly head: number;
    readonly finetune: number;
    /** What the artifact knows of unknown images, and the sets that it answers with. */
    readonly uncertainty: number;
  };
  /** Images a second; 0 where nothing had to be done. */
  readonly rates: { readonly decode: number; readonly forward: number; readonly step: number };
  /** Images whose features were computed now, and that the store had. */
  readonly features: { readonly computed: number; readonly cached: number };
  /** How fine-tuning went, where it was asked for. */
  readonly finetune?: FinetuneFacts | undefined;
}
