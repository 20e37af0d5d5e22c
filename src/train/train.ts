/**
 * One training from images to an artifact in memory, the same on every platform: features, split, head, fine-tuning, calibration, uncertainty,
 * artifact, result. What differs between platforms is the environment (node.ts, web.ts). Writes only the environment's records.
 */
import { tally } from "../base/collections.ts";
import { secondsSince } from "../base/progress.ts";
import { createRandom, randomFor } from "../base/random.ts";
import { graftVersion } from "../base/version.ts";
import { checkEnoughIn } from "../data/dataset/enough.ts";
import { inseparableClasses } from "../data/dataset/split.ts";
import { calibrate, crossFitted, measureCalibration } from "../metrics/calibrate.ts";
import { evaluatePredictions } from "../metrics/evaluation.ts";
import { groupedInterval } from "../metrics/intervals.ts";
import { argmax, softmax } from "../metrics/logits.ts";
import { backboneParameters, buildArtifact } from "../model/artifact-graph.ts";
import { multiCutModel } from "../networks/backbone/backbone.ts";
import type { Network } from "../networks/network.ts";
import type { Model } from "../onnx/model.ts";
import type { Environment, Signatures } from "./environment.ts";
import { readingsFor } from "./features/choose-features.ts";
import { columnsRead, type ReadCuts } from "./features/feature-table.ts";
import { type Features, fillFeatures } from "./features/fill-records.ts";
import { groupsAmong } from "./features/groups.ts";
import type { RecordStore } from "./features/images-and-records.ts";
import { frozenFeatures } from "./frozen.ts";
import { countLabels } from "./head/fit.ts";
import {
  type GroupFacts,
  type Learned,
  learn,
  type PartPredictions,
  type Prepared,
  type Straddling,
  type Trained,
  withChosenFeatures,
} from "./learn.ts";
import { type DataPart, partition, type TestPart, type TrainingSet, type TrainSettings } from "./training-set.ts";
import { fitUncertainty } from "./uncertainty.ts";

/**
 * Trains a head on frozen features (a linear probe) and, if requested, the last stages of the network with it.
 *
 * @throws GraftError (`usage`) if a setting is invalid; (`data`) if the data cannot be learned from; (`work`) if disk or memory does not
 *   suffice; the signal's reason if it was aborted
 */
export async function trainIn(environment: Environment, set: TrainingSet, settings: TrainSettings): Promise<Trained> {
  const { network, seed, effort, finetune, signal } = settings;
  signal?.throwIfAborted();
  checkEnoughIn(set, finetune !== undefined, settings.test === "held-out");
  const random = createRandom(seed);
  const cuts = await environment.cutsOf(network);
  // Fine-tuning trains the last layers, so it starts from the network's own cut.
  const readings = finetune ? { cuts: cuts.slice(0, 1), mirrors: false } : readingsFor(effort, network, cuts);
  const store = await environment.openFeatures(network, readings);
  try {
    const signatures = await environment.openSignatures();
    try {
      const extracting = performance.now();
      const features = await featuresOf(environment, set, settings, readings, store, signatures);
      const extract = secondsSince(extracting);
      const searching = performance.now();
      const groups = await groupsOf(set, features, signatures, settings);
      const copies = secondsSince(searching);
      const parts = partition(set, features, groups, random, settings.test);
      signal?.throwIfAborted();
      const prepared = await withChosenFeatures(settings, set.classes.length, readings, parts, random);
      const learned = await learn(prepared, random, environment);
      signal?.throwIfAborted();
      const data: Data = { set, features, groups, extract, copies };
      return await conclude(environment, prepared, learned, data);
    } finally {
      signatures.close();
    }
  } finally {
    store.close();
  }
}

/** The features of every image. Releases the frozen part's memory before anything else is loaded. */
async function featuresOf(
  environment: Environment,
  { examples }: TrainingSet,
  { network, onProgress, signal }: TrainSettings,
  readings: ReadCuts,
  store: RecordStore,
  measures: Signatures,
): Promise<Features> {
  const { cuts, mirrors } = readings;
  const frozen = frozenFeatures(network, () => multiCutModel(network, cuts, mirrors), environment);
  try {
    const images = examples.map(({ source }) => ({ source }));
    const options = { ...environment, frozen, store, measures, onProgress, signal };
    return await fillFeatures(images, columnsRead(readings), options);
  } finally {
    await frozen.close();
  }
}

/** The group of each readable image: copies, and the dataset's own groups. */
async function groupsOf(
  { examples }: TrainingSet,
  { kept, digests }: Features,
  signatures: Signatures,
  settings: TrainSettings,
): Promise<Int32Array> {
  const images = kept.map((item) => ({ source: examples[item]!.source, digest: digests[item]! }));
  const found = await signatures.of(images, settings);
  return groupsAmong(
    images.map(({ digest }, row) => ({ digest, signature: found[row], group: examples[kept[row]!]!.group })),
    { ...settings, known: signatures.known },
  );
}

/** The data of a training, with the seconds for the features and for the search for copies. */
interface Data {
  readonly set: TrainingSet;
  readonly features: Features;
  readonly groups: Int32Array;
  readonly extract: number;
  readonly copies: number;
}

/** Calibrates, evaluates, and builds the artifact and the result. */
async function conclude(
  environment: Environment,
  { settings: { network, seed, signal }, shape, parts, fit }: Prepared,
  learned: Learned,
  { set, features, groups, extract, copies }: Data,
): Promise<Trained> {
  const { head, validation, finetuned, testLogits } = learned;
  const classes = set.classes.length;
  const { labels } = validation.part;
  const calibration = calibrate(validation.logits, labels, classes, validation.foldOf);
  const { temperature } = calibration;
  const counts = countLabels(learned.train.labels, classes);
  const majorityClass = counts.indexOf(Math.max(...counts));
  const evaluate = (
    { places, labels, groups }: DataPart,
    logits: Float32Array,
    probabilities: Float32Array,
  ): PartPredictions => {
    const evaluation = evaluatePredictions({ probabilities, labels, classes: set.classes, majorityClass, groups });
    return { places, logits, probabilities, evaluation };
  };
  const validationProbabilities = crossFitted(validation.logits, labels, classes, validation.foldOf);
  const { test } = parts;
  const tested = test && testLogits && evaluate(test, testLogits, softmax(testLogits, classes, temperature));

  const fitting = performance.now();
  const uncertainty = await fitUncertainty(
    {
      ...{ network: learned.network, shape, seed, signal },
      ...{ train: learned.train, heldOut: learned.heldOut, test },
      isTuned: learned.network !== network,
      unseen: softmax(learned.unseenLogits, classes, temperature),
      calibration: { probabilities: softmax(validation.logits, classes, temperature), labels },
      tested: test && tested && { probabilities: tested.probabilities, labels: test.labels },
    },
    environment,
  );
  const uncertaintySeconds = secondsSince(fitting);
  signal?.throwIfAborted();

  const artifact = buildArtifact({
    ...{ network: learned.network, shape, head: head.head, classes: set.classes, temperature, graftVersion },
    ...{ novelty: uncertainty.detector, conformal: uncertainty.facts.conformal },
    tuned: learned.network !== network,
  });
  return {
    ...{ artifact, network, shape, choice: fit?.choice, head, calibration, uncertainty: uncertainty.facts },
    trained: learned.train.places.length,
    validation: { ...evaluate(validation.part, validation.logits, validationProbabilities), source: validation.source },
    test: test &&
      tested &&
      uncertainty.tested && {
        ...{ ...tested, ...uncertainty.tested, source: test.source },
        straddling: straddlingOf(test, tested.probabilities, classes),
        calibration: measureCalibration(
          tested.logits,
          test.labels,
          classes,
          temperature,
          randomFor(seed, "calibration"),
        ),
      },
    groups: groupFacts(set, features, groups),
    skipped: [...features.unreadable].map(([place, reason]) => ({ place, reason })),
    digests: features.digests,
    frozenUnchanged: isUnchanged(artifact, network, finetuned?.tuned ? finetuned.trained : new Set()),
    timings: {
      ...{ decode: features.decodeSeconds, extract, copies, head: learned.headSeconds },
      ...{ finetune: finetuned?.seconds ?? 0, uncertainty: uncertaintySeconds },
    },
    rates: {
      decode: rate(features.computed, features.decodeSeconds),
      forward: rate(features.computed, features.forwardSeconds),
      step: finetuned?.stepRate ?? 0,
    },
    features: { computed: features.computed, cached: features.stored },
    finetune: finetuned?.facts,
  };
}

/** The accuracy on the test images that have no copy in training or validation. */
function straddlingOf(
  { straddling, labels, groups }: TestPart,
  probabilities: Float32Array,
  classes: number,
): Straddling | undefined {
  if (straddling.length === 0) return undefined;
  const copies = new Set(straddling);
  const others = [...labels.keys()].filter((row) => !copies.has(row));
  if (others.length === 0) return { images: straddling.length, without: undefined };
  const right = Uint8Array.from(others, (row) =>
    argmax(probabilities, row * classes, classes) === labels[row] ? 1 : 0,
  );
  const correct = right.reduce((sum, one) => sum + one, 0);
  const interval = groupedInterval(
    right,
    others.map((row) => groups[row]!),
  );
  return {
    images: straddling.length,
    without: { examples: others.length, correct, accuracy: correct / others.length, interval },
  };
}

/** Counts the groups that the split kept together, and names the classes that it had to divide. */
function groupFacts({ examples, classes }: TrainingSet, { kept }: Features, groups: Int32Array): GroupFacts {
  const sizes = tally(groups);
  const several = [...sizes.values()].filter((size) => size > 1);
  const labels = kept.map((item) => examples[item]!.label);
  return {
    count: several.length,
    images: several.reduce((sum, size) => sum + size, 0),
    largest: Math.max(0, ...several),
    inseparable: inseparableClasses(labels, groups).map((label) => classes[label]!),
  };
}

const rate = (count: number, seconds: number): number => (seconds > 0 ? count / seconds : 0);

/** Whether every parameter of the artifact that was not trained has the same bytes as in the network. */
function isUnchanged(artifact: Model, network: Network, trained: ReadonlySet<string>): boolean {
  return [...backboneParameters(artifact)].every(([name, bytes]) => {
    if (trained.has(name)) return true;
    const original = network.model.graph.initializers.get(name)?.bytes;
    return original?.length === bytes.length && bytes.every((value, i) => value === original[i]);
  });
}
