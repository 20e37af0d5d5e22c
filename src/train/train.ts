/**
 * One training, from a folder of pictures to an artifact in memory: features, head, fine-tuning, calibration, evaluation.
 * Writes nothing but the cache; files and words for people are made by the rooms above.
 */
import { createHash } from "node:crypto";
import { backboneParameters, buildArtifact } from "../artifact/build.ts";
import { createMeter, type OnProgress } from "../base/progress.ts";
import { createRandom, type Random, randomFor } from "../base/random.ts";
import { inSentences } from "../base/system-errors.ts";
import { graftVersion } from "../base/version.ts";
import type { Dataset, Example } from "../data/dataset/discover.ts";
import { datasetDigest } from "../data/digest.ts";
import { checkEnoughIn } from "../data/enough.ts";
import { inseparableClasses } from "../data/split.ts";
import {
  type Calibration,
  calibrate,
  crossFitted,
  type MeasuredCalibration,
  measureCalibration,
} from "../evaluate/calibration.ts";
import { type Evaluation, evaluatePredictions } from "../evaluate/evaluate.ts";
import { groupedInterval } from "../evaluate/interval.ts";
import { argmax, softmax } from "../evaluate/softmax.ts";
import type { Model } from "../graph/model.ts";
import type { Cut, CutShape } from "../zoo/backbone.ts";
import type { Network } from "../zoo/network.ts";
import { chooseFeatures, type FeatureChoice, readingsFor } from "./choose-features.ts";
import type { Effort } from "./effort.ts";
import { type Extraction, extractFeatures, type Skipped } from "./features/extract.ts";
import { groupsOfImages } from "./features/image-groups.ts";
import { rememberedCuts } from "./features/of-network.ts";
import { type ReadCuts, readingOf } from "./features/reading-of.ts";
import { openReadings, type Readings } from "./features/readings.ts";
import { openTraitCache, type TraitCache } from "./features/trait-cache.ts";
import {
  type Apart,
  type Finetuned,
  type FinetuneFacts,
  type FinetuneOptions,
  finetune,
  type Labelled,
} from "./finetune/finetune.ts";
import type { EpochRecord } from "./finetune/trainer.ts";
import { answerFolds } from "./folds.ts";
import { countLabels, fitHead, type HeadFit, type HeadOptions, headLogits, STRENGTHS } from "./head/fit.ts";
import { freshHead } from "./head/fresh.ts";
import { furtherText, heldOutParts } from "./held-out.ts";
import { type Part, type Parts, partition, selected, withTables } from "./parts.ts";
import { type CheckedTrainOptions, checkedTrainOptions } from "./train-options.ts";
import { fitTrust, type TrustFacts } from "./trust.ts";

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

/** A picture with its label, its features' row gone into `logits`. */
export interface Judged {
  readonly examples: readonly Example[];
  /** `[N, C]` */
  readonly logits: Float32Array;
  /** `[N, C]`, after temperature scaling; of pictures that the temperature was fitted on, at that of the other folds */
  readonly probabilities: Float32Array;
  readonly evaluation: Evaluation;
}

/** Test images that are not new to the model, and the accuracy on the others. */
export interface Straddling {
  readonly images: number;
  /** Nothing where no other is left. */
  readonly without: Pick<Evaluation, "examples" | "correct" | "accuracy" | "interval"> | undefined;
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

export interface TrainResult {
  readonly artifact: Model;
  /** The network as it was given, cut where it was chosen to be. */
  readonly network: Network;
  readonly shape: CutShape;
  /** Which features were tried and taken; nothing where a fine-tuning settled on its own. */
  readonly choice: FeatureChoice | undefined;
  readonly head: HeadFit;
  readonly calibration: Calibration & { readonly test: MeasuredCalibration };
  /** When an answer is to be doubted, and how that fared on the test pictures. */
  readonly trust: TrustFacts;
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
  readonly groups: GroupFacts;
  readonly skipped: readonly Skipped[];
  /** The dataset's fingerprint, see {@link datasetDigest}. */
  readonly datasetDigest: string;
  /** Whether every parameter of the backbone has the same bytes in the artifact as in the network. */
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
  /** Pictures whose features were computed now, and that the cache had. */
  readonly features: { readonly computed: number; readonly cached: number };
  /** How fine-tuning went, where it was asked for. */
  readonly finetune?: FinetuneFacts;
}

/**
 * Trains a head on frozen features (a linear probe) and, where asked, the last stages of the network with it.
 *
 * @throws GraftError (`usage`) where an option does not fit; (`data`) where the data cannot be learned from; (`work`) where
 *   the disk or the memory does not suffice; the signal's reason where it was aborted
 */
export const train = async (options: TrainOptions): Promise<TrainResult> =>
  inSentences(() => trainChecked(checkedTrainOptions(options)));

async function trainChecked(options: CheckedTrainOptions): Promise<TrainResult> {
  const { dataset, network, seed, signal } = options;
  signal?.throwIfAborted();
  checkEnoughIn(dataset, options.finetune !== undefined);
  const random = createRandom(seed);
  const readings = await openReadings(network, await wantedReadings(options));
  const traits = await openTraitCache();
  try {
    const began = performance.now();
    const extraction = await extractAll(options, readings, traits);
    const extract = secondsSince(began);
    const searching = performance.now();
    const groups = await groupsOfImages(
      extraction.kept.map((item) => dataset.examples[item]!),
      extraction.kept.map((item) => extraction.digests.get(item)!),
      traits,
      options,
    );
    const copies = secondsSince(searching);
    const parts = partition(dataset, extraction, groups, random);
    signal?.throwIfAborted();
    const settled = await settle(options, readings, parts, random);
    const answer = await learn(settled, random);
    signal?.throwIfAborted();
    return await resultOf(settled, answer, { ...extraction, groups }, { extract, copies });
  } finally {
    traits.close();
    readings.cache.close();
  }
}

/** What is read of each image. The last layers are what a fine-tuning trains: it starts from the network's own cut. */
async function wantedReadings({ network, effort, finetune }: CheckedTrainOptions): Promise<ReadCuts> {
  const cuts = await rememberedCuts(network);
  return finetune ? { cuts: cuts.slice(0, 1), mirrors: false } : readingsFor(effort, network, cuts);
}

/** The features of every picture. The backbone's memory is given back before anything else is loaded. */
async function extractAll(
  { dataset, onProgress, signal }: CheckedTrainOptions,
  readings: Readings,
  traits: TraitCache,
): Promise<Extraction> {
  const runner = readings.runner();
  try {
    return await extractFeatures(
      dataset.examples.map(({ path }) => path),
      readings.cache,
      runner,
      { onProgress, signal, traits },
    );
  } finally {
    await runner.close();
  }
}

/** What is learned on, once it is settled of which features: the options with the network cut there. */
interface Settled {
  readonly options: CheckedTrainOptions;
  readonly shape: CutShape;
  readonly parts: Parts;
  /** The head that was fitted meanwhile, and how the choice was made; nothing where a fine-tuning starts from the network's own cut. */
  readonly fit: { readonly head: HeadFit; readonly headSeconds: number; readonly choice: FeatureChoice } | undefined;
}

async function settle(
  options: CheckedTrainOptions,
  readings: Readings,
  parts: Parts,
  random: Random,
): Promise<Settled> {
  const { dataset, network, effort } = options;
  const at = (cut: Cut): Pick<Settled, "options" | "shape" | "parts"> => ({
    options: { ...options, network: { ...network, cut: cut.tensor } },
    shape: cut.shape,
    parts: withTables(parts, (table) => readingOf(readings, table, cut)),
  });
  if (options.finetune) return { ...at(readings.cuts[0]!), options, fit: undefined };
  const began = performance.now();
  const { train } = parts;
  const { cut, head, choice } = await chooseFeatures({
    ...{ readings, effort, classes: dataset.classes.length },
    ...{ table: train.table, labels: train.labels, groups: train.groups },
    fit: async (table, how) => (await fitted(options, { ...train, table }, random, how)).head,
  });
  return { ...at(cut), fit: { head, headSeconds: secondsSince(began), choice } };
}

/** What was learned: a network, its head, and their answers. */
interface Learned {
  readonly network: Network;
  readonly head: HeadFit;
  readonly train: Part;
  /** Of a fine-tuned network: what it was not trained on. */
  readonly heldOut?: Part;
  /** `[N, C]`: answers to `heldOut`, or else to `train` out of fold. */
  readonly unseenLogits: Float32Array;
  readonly validation: {
    readonly part: Part;
    readonly logits: Float32Array;
    readonly source: ValidationSource;
    /** Folds for what is fitted on these answers: of the cross-validation that they come from, where they do. */
    readonly foldOf: Int32Array;
  };
  /** `[N, C]` */
  readonly testLogits: Float32Array;
  readonly headSeconds: number;
  readonly finetuned: Finetuned | undefined;
}

async function learn({ options, shape, parts, fit }: Settled, random: Random): Promise<Learned> {
  if (fit || !options.finetune) return probe(options, parts, random, fit);
  const { apart, judged } = validationParts(options, parts, random);
  const [first, ...others] = apart;
  const { head, headSeconds } = await fitted(options, first!.train, random);
  const labelled = ({ examples, digests, labels, groups }: Part): Labelled => ({
    pictures: examples.map(({ path }, row) => ({ path, digest: digests[row]! })),
    labels,
    groups,
  });
  const { network, dataset, seed, classWeights, onProgress, onNote, onEpoch, signal } = options;
  const further: Apart[] = [];
  for (const { train, validation } of others) {
    const { head: own } = await fitted(options, train, randomFor(seed, `head ${further.length + 2}`));
    further.push({ head: own.head, train: labelled(train), validation: labelled(validation) });
  }
  if (further.length > 0) onNote?.(furtherText(first!.validation.labels.length, further));
  const finetuned = await finetune(
    {
      network,
      shape,
      head: options.finetune.fromScratch ? freshHead(shape.features, dataset.classes.length, seed) : head.head,
      train: labelled(first!.train),
      validation: labelled(first!.validation),
      further,
      test: labelled(parts.test),
      classes: dataset.classes.length,
      classWeights,
      seed,
      onProgress,
      onNote,
      onEpoch,
      signal,
    },
    options.finetune,
  );
  const { tuned } = finetuned;
  // A linear probe that was not outdone learns from the held-out pictures too.
  if (!tuned) return { ...(await probe(options, parts, random)), finetuned };
  return {
    network: tuned.network,
    head: { ...head, head: tuned.head },
    train: first!.train,
    heldOut: first!.validation,
    // Its own come first.
    unseenLogits: tuned.validationLogits.subarray(0, first!.validation.labels.length * dataset.classes.length),
    validation: {
      part: judged,
      logits: tuned.validationLogits,
      source: parts.validation ? "folder" : "held-out",
      foldOf: answerFolds(judged.labels, judged.groups, seed),
    },
    testLogits: tuned.testLogits,
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
  { seed, finetune }: CheckedTrainOptions,
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
  options: CheckedTrainOptions,
  { train, validation, test }: Parts,
  random: Random,
  fit: Pick<NonNullable<Settled["fit"]>, "head" | "headSeconds"> | undefined = undefined,
): Promise<Learned> {
  const { head, headSeconds } = fit ?? (await fitted(options, train, random));
  return {
    network: options.network,
    head,
    train,
    validation: validation
      ? {
          part: validation,
          logits: headLogits(head.head, validation.table),
          source: "folder",
          foldOf: answerFolds(validation.labels, validation.groups, options.seed),
        }
      : { part: train, logits: head.outOfFoldLogits, source: "cross-validation", foldOf: head.foldOf },
    unseenLogits: head.outOfFoldLogits,
    testLogits: headLogits(head.head, test.table),
    headSeconds,
    finetuned: undefined,
  };
}

/** A head on frozen features. */
async function fitted(
  { dataset, classWeights, onProgress, signal }: CheckedTrainOptions,
  { table, labels, groups }: Part,
  random: Random,
  how: Pick<HeadOptions, "near" | "foldOf"> = {},
): Promise<{ head: HeadFit; headSeconds: number }> {
  const began = performance.now();
  const fits = (how.near === undefined ? STRENGTHS.length : 3) * 5;
  const meter = createMeter({ stage: "Fitting the head", unit: "fits", total: fits, onProgress });
  const head = await fitHead(table, labels, dataset.classes.length, random, {
    ...how,
    classWeights,
    groups,
    onRound: (running) => meter.set(fits - running),
    signal,
  });
  return { head, headSeconds: secondsSince(began) };
}

async function resultOf(
  { options: { dataset, network, seed, signal }, shape, parts, fit }: Settled,
  learned: Learned,
  { groups, ...extraction }: Extraction & { readonly groups: Int32Array },
  before: { readonly extract: number; readonly copies: number },
): Promise<TrainResult> {
  const { head, validation, finetuned } = learned;
  const classes = dataset.classes.length;
  const { labels } = validation.part;
  const calibration = calibrate(validation.logits, labels, classes, validation.foldOf);
  const { temperature } = calibration;
  const counts = countLabels(learned.train.labels, classes);
  const majorityClass = counts.indexOf(Math.max(...counts));
  const judge = (part: Part, logits: Float32Array, probabilities: Float32Array): Judged => {
    const evaluation = evaluatePredictions({
      probabilities,
      labels: part.labels,
      classes: dataset.classes,
      majorityClass,
      groups: part.groups,
    });
    return { examples: part.examples, logits, probabilities, evaluation };
  };
  const validated = judge(
    validation.part,
    validation.logits,
    crossFitted(validation.logits, labels, classes, validation.foldOf),
  );
  const tested = judge(parts.test, learned.testLogits, softmax(learned.testLogits, classes, temperature));
  const fitting = performance.now();
  const { novelty, facts: trust } = await fitTrust({
    network: learned.network,
    shape,
    seed,
    train: learned.train,
    test: parts.test,
    isTuned: learned.network !== network,
    heldOut: learned.heldOut,
    unseen: softmax(learned.unseenLogits, classes, temperature),
    calibration: { probabilities: softmax(validation.logits, classes, temperature), labels },
    testAnswers: { probabilities: tested.probabilities, labels: parts.test.labels },
    signal,
  });
  const uncertainty = secondsSince(fitting);
  signal?.throwIfAborted();
  const artifact = buildArtifact({
    network: learned.network,
    shape,
    head: head.head,
    classes: dataset.classes,
    temperature,
    novelty,
    conformal: trust.conformal,
    tuned: learned.network !== network,
    graftVersion,
  });
  return {
    artifact,
    network,
    shape,
    choice: fit?.choice,
    head,
    calibration: {
      ...calibration,
      test: measureCalibration(
        learned.testLogits,
        parts.test.labels,
        classes,
        temperature,
        randomFor(seed, "calibration"),
      ),
    },
    trust,
    counts: {
      train: learned.train.examples.length,
      validation: validation.source === "cross-validation" ? 0 : validation.part.examples.length,
      test: parts.test.examples.length,
      skipped: extraction.skipped.length,
    },
    validation: { ...validated, source: validation.source },
    test: { ...tested, source: parts.testSource, straddling: straddlingOf(parts, tested.probabilities, classes) },
    groups: groupFacts(dataset, extraction, groups),
    skipped: extraction.skipped,
    datasetDigest: datasetDigest(dataset, extraction.digests),
    frozenUnchanged: isUnchanged(artifact, network, finetuned?.tuned ? finetuned.trained : new Set()),
    timings: {
      decode: extraction.decodeSeconds,
      ...before,
      head: learned.headSeconds,
      finetune: finetuned?.seconds ?? 0,
      uncertainty,
    },
    rates: {
      decode: rate(extraction.computed, extraction.decodeSeconds),
      forward: rate(extraction.computed, extraction.forwardSeconds),
      step: finetuned?.stepRate ?? 0,
    },
    features: { computed: extraction.computed, cached: extraction.cached },
    ...(finetuned ? { finetune: finetuned.facts } : {}),
  };
}

/** How the model does on the test images that training and validation have no copy of. */
function straddlingOf(
  { test, straddling }: Parts,
  probabilities: Float32Array,
  classes: number,
): Straddling | undefined {
  if (straddling.length === 0) return undefined;
  const copies = new Set(straddling);
  const others = [...test.labels.keys()].filter((row) => !copies.has(row));
  if (others.length === 0) return { images: straddling.length, without: undefined };
  const right = Uint8Array.from(others, (row) =>
    argmax(probabilities, row * classes, classes) === test.labels[row] ? 1 : 0,
  );
  const correct = right.reduce((sum, one) => sum + one, 0);
  const interval = groupedInterval(
    right,
    others.map((row) => test.groups[row]!),
  );
  return {
    images: straddling.length,
    without: { examples: others.length, correct, accuracy: correct / others.length, interval },
  };
}

function groupFacts({ examples, classes }: Dataset, { kept }: Extraction, groups: Int32Array): GroupFacts {
  const sizes = new Map<number, number>();
  for (const group of groups) sizes.set(group, (sizes.get(group) ?? 0) + 1);
  const several = [...sizes.values()].filter((size) => size > 1);
  const labels = kept.map((item) => examples[item]!.label);
  return {
    count: several.length,
    images: several.reduce((sum, size) => sum + size, 0),
    largest: Math.max(0, ...several),
    inseparable: inseparableClasses(labels, groups).map((label) => classes[label]!),
  };
}

const secondsSince = (began: number): number => (performance.now() - began) / 1000;

const rate = (count: number, seconds: number): number => (seconds > 0 ? count / seconds : 0);

const hash = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Compares the hash of every parameter in the artifact that was not trained with the network's own. */
function isUnchanged(artifact: Model, network: Network, trained: ReadonlySet<string>): boolean {
  return [...backboneParameters(artifact)].every(([name, bytes]) => {
    if (trained.has(name)) return true;
    const original = network.model.graph.initializers.get(name);
    return original !== undefined && hash(original.bytes) === hash(bytes);
  });
}
