/**
 * One training wholly in memory, from pixels to an artifact, for where there are no files: a page. The same parts as train.ts
 * puts together over a disk: the head's fit, the recipe, the step graph, the loop, the calibration. Touches neither files nor
 * the system: how models are opened, and how much memory there is, is said by the caller.
 */
import { buildArtifact } from "../../artifact/build.ts";
import { dataError } from "../../base/errors.ts";
import { createMeter } from "../../base/progress.ts";
import { createRandom, type Random, randomFor } from "../../base/random.ts";
import { graftVersion } from "../../base/version.ts";
import { type Signature, signatureOf, smallOf } from "../../data/copies/signature.ts";
import { checkEnough } from "../../data/enough.ts";
import { crossFitted } from "../../evaluate/calibration.ts";
import { fitConformal } from "../../evaluate/conformal.ts";
import { evaluatePredictions } from "../../evaluate/evaluate.ts";
import type { Evaluation } from "../../evaluate/evaluation.ts";
import { softmax } from "../../evaluate/softmax.ts";
import { fitTemperature } from "../../evaluate/temperature.ts";
import type { Model } from "../../graph/model.ts";
import { type Cut, type CutShape, FEATURES, readingsModel } from "../../zoo/backbone.ts";
import { measureCuts } from "../../zoo/cuts.ts";
import type { Network } from "../../zoo/network.ts";
import { chooseFeatures, type FeatureChoice, readingsFor } from "../choose-features.ts";
import { DEFAULT_EFFORT } from "../effort.ts";
import { columnsRead, type ReadCuts, readingOf } from "../features/reading-of.ts";
import { type FeatureTable, type RowTable, tableOf } from "../features/table.ts";
import { openFront } from "../finetune/front.ts";
import { type Boundary, storedBytes } from "../finetune/tail.ts";
import { answerFolds } from "../folds.ts";
import { groupsAmong } from "../groups.ts";
import { countLabels, fitHead, fitsAtFirst, type HeadFit, type HeadOptions } from "../head/fit.ts";
import { furtherText, heldOutParts } from "../held-out.ts";
import { BANK_ROWS, fitNovelty } from "../novelty.ts";
import { FRONT_BATCH, type InMemoryExample, type InMemoryOptions, type Surroundings } from "./options.ts";
import { memoryRecords } from "./records.ts";
import { runFront } from "./run-front.ts";
import { type Apart, type Part, type TuneFacts, tune } from "./tune.ts";

export interface InMemoryResult {
  readonly artifact: Model;
  readonly classes: readonly string[];
  /** Of pictures that took no part: each by the fold of a cross-validation that did not see it, or held out of fine-tuning. */
  readonly validation: Evaluation & { readonly source: "cross-validation" | "held-out" };
  /** How many pictures trained the head. */
  readonly trained: number;
  /** Pictures that could not be read, by their place among the examples. */
  readonly skipped: readonly { readonly place: number; readonly reason: string }[];
  /** Which features were tried and taken; nothing where a fine-tuning settled on its own. */
  readonly choice?: FeatureChoice;
  /** How fine-tuning went, where it was asked for. */
  readonly finetune?: TuneFacts;
}

/**
 * Trains a head on frozen features, and the last stages of the network with it where `unfreeze` says so.
 *
 * @throws GraftError (`data`) where the pictures cannot be learned from; (`usage`) where there is no such stage
 */
export async function trainInMemory(options: InMemoryOptions, around: Surroundings): Promise<InMemoryResult> {
  const { network, seed = 0 } = options;
  const random = createRandom(seed);
  const { effort = DEFAULT_EFFORT } = options;
  const wanted = options.unfreeze ?? "none";
  const { own, others } = await measureCuts(network);
  // The last layers are what a fine-tuning trains: it starts from the network's own cut.
  const readings = wanted === "none" ? readingsFor(effort, network, [own, ...others]) : { cuts: [own], mirrors: false };
  const { all, table, classes, skipped } = await featuresOf(options, readings, around);
  const part = (rows: readonly number[]): Part & { readonly table: RowTable } => ({
    places: rows.map((row) => all.places[row]!),
    labels: Int32Array.from(rows, (row) => all.labels[row]!),
    groups: Int32Array.from(rows, (row) => all.groups[row]!),
    table: table.select(rows),
  });
  const whole = part(all.places.map((_, row) => row));
  /** A head on frozen features, answering each picture from the fold that did not see it. */
  const learnedBy = ({ head, outOfFoldLogits: logits, foldOf }: HeadFit, cut: Cut, reading: RowTable): Learned => {
    const { labels, groups } = whole;
    const answered = { logits, labels, groups, foldOf, unseenLogits: logits };
    const bank = { table: reading, groups };
    const at = { ...network, cut: cut.tensor };
    return { network: at, head, bank, trained: labels.length, ...answered, source: "cross-validation" };
  };
  const { shape } = own;
  const conclude = (learned: Learned, at = shape): Promise<InMemoryResult> =>
    concluded(learned, classes, at, skipped, options);
  if (wanted === "none") {
    const { labels, groups } = whole;
    const { cut, head, choice } = await chooseFeatures({
      ...{ readings, effort, table: whole.table, labels, groups, classes: classes.length },
      fit: (columns, how) => fitted(options, { ...whole, table: columns }, classes.length, random, around, how),
    });
    return { ...(await conclude(learnedBy(head, cut, readingOf(readings, whole.table, cut)), cut.shape)), choice };
  }

  const heldOut = heldOutParts(whole.labels, whole.groups, random, randomFor(seed, "further validation"));
  const apart: (Apart & { readonly train: typeof whole })[] = [];
  for (const { kept, held } of heldOut) {
    const [train, validation] = [part(kept), part(held)];
    const own = apart.length === 0 ? random : randomFor(seed, `head ${apart.length + 1}`);
    const { head } = await fitted(options, train, classes.length, own, around);
    apart.push({ head, train, validation });
  }
  const [first, ...further] = apart;
  const { train } = first!;
  if (further.length > 0) options.onNote?.(furtherText(first!.validation.labels.length, further));
  const { tuned, facts } = await tune({ options, shape, ...first!, classes: classes.length, further }, around);
  // A linear probe that fine-tuning did not beat learns from the held-out pictures too.
  if (!tuned) {
    const fit = await fitted(options, whole, classes.length, random, around);
    return { ...(await conclude(learnedBy(fit, own, whole.table))), finetune: facts };
  }
  const { validationLogits: logits, ...learned } = tuned;
  const { labels, groups } = part(heldOut.flatMap(({ held }) => held));
  const features = (of: Part) => tunedFeatures(options, tuned.network, of, shape, around);
  const bank = await features(train);
  const unseen = await features(first!.validation);
  const unseenLogits = unseen.rows.flatMap((row) => [
    ...logits.subarray(row * classes.length, (row + 1) * classes.length),
  ]);
  const answered = { logits, labels, groups, foldOf: answerFolds(labels, groups, seed) };
  const result = {
    ...learned,
    ...answered,
    bank,
    unseen,
    unseenLogits: Float32Array.from(unseenLogits),
    trained: train.labels.length,
    source: "held-out",
  } as const;
  return { ...(await conclude(result)), finetune: facts };
}

/** What was learned, and how it answers to pictures that took no part in it. */
interface Learned {
  readonly network: Network;
  readonly head: HeadFit["head"];
  /** The network's features of pictures that it was trained on, with the pictures' groups. */
  readonly bank: { readonly table: FeatureTable; readonly groups: Int32Array };
  /** Of a fine-tuned network: its features of pictures that it was not trained on. */
  readonly unseen?: { readonly table: FeatureTable; readonly groups: Int32Array };
  /** `[N, C]`: answers to those, or else to the pictures of the bank out of fold. */
  readonly unseenLogits: Float32Array;
  readonly trained: number;
  /** `[N, C]` */
  readonly logits: Float32Array;
  readonly labels: Int32Array;
  readonly groups: Int32Array;
  /** Folds of the pictures that were answered, for what is fitted on the answers. */
  readonly foldOf: Int32Array;
  readonly source: InMemoryResult["validation"]["source"];
}

interface Features {
  /** The pictures that could be read, row by row of the table. */
  readonly all: Part;
  readonly table: RowTable;
  readonly classes: readonly string[];
  readonly skipped: InMemoryResult["skipped"];
}

/** The features of every picture, with their classes. */
async function featuresOf(options: InMemoryOptions, readings: ReadCuts, around: Surroundings): Promise<Features> {
  const { examples } = options;
  const classes = [...new Set(examples.map(({ label }) => label))].sort();
  const finetunes = (options.unfreeze ?? "none") !== "none";
  checkClasses(
    Int32Array.from(examples, ({ label }) => classes.indexOf(label)),
    classes,
    finetunes,
  );
  const signatures = new Map<InMemoryExample, Signature>();
  const signing = examples.map(
    (example): InMemoryExample => ({
      ...example,
      read: async () => {
        const image = await example.read();
        signatures.set(example, signatureOf(smallOf(image)));
        return image;
      },
    }),
  );
  const { places, table, skipped } = await tableOfExamples({ ...options, examples: signing }, readings, around);
  const labels = Int32Array.from(places, (place) => classes.indexOf(examples[place]!.label));
  checkClasses(labels, classes, finetunes);
  const groups = await groupsAmong(
    places.map((place) => ({
      // Pixels are all that a page is sure to have: copies of a file have the same signature.
      digest: String(place),
      signature: signatures.get(examples[place]!),
      group: examples[place]!.group,
    })),
    options,
  );
  return { all: { places, labels, groups }, table, classes, skipped };
}

/** The features of the examples that can be read: all that is to be read of each. */
async function tableOfExamples(
  { network, examples, onProgress, signal }: InMemoryOptions,
  readings: ReadCuts,
  { open, pause }: Surroundings,
): Promise<{
  readonly places: readonly number[];
  readonly table: RowTable;
  readonly skipped: InMemoryResult["skipped"];
}> {
  const columns = columnsRead(readings);
  const boundary: Boundary = {
    tensor: FEATURES,
    called: FEATURES,
    dims: [columns],
    stored: "float32",
    isPixels: false,
  };
  const records = memoryRecords(storedBytes(boundary));
  const { cuts, mirrors } = readings;
  const front = openFront(network, cuts[0]!.shape, boundary, FRONT_BATCH, open, readingsModel(network, cuts, mirrors));
  try {
    const { locations, unreadable } = await runFront(
      { count: examples.length, read: (place) => examples[place]!.read() },
      front,
      records,
      { batch: FRONT_BATCH, stage: "Reading features", onProgress, signal, pause },
    );
    const places = examples.flatMap((_, place) => (unreadable.has(place) ? [] : [place]));
    const table = tableOf(places.length, columns, (row, into) =>
      records.read(locations[places[row]!]![0]!, new Uint8Array(into.buffer, into.byteOffset, into.byteLength)),
    );
    const skipped = [...unreadable].map(([place, reason]) => ({ place, reason }));
    return { places, table, skipped };
  } finally {
    await front.close();
  }
}

function checkClasses(labels: Int32Array, classes: readonly string[], finetunes: boolean): void {
  if (classes.length < 2) {
    const [only] = classes;
    throw dataError(
      `${only === undefined ? "There are no pictures" : `All pictures are of the class "${only}"`}: add pictures of ${only === undefined ? "two classes" : "another"} at least.`,
    );
  }
  // Cross-validation takes the place of a test.
  checkEnough(countLabels(labels, classes.length), classes, { hasTest: true, hasValidation: false, finetunes });
}

/** A head on frozen features. */
async function fitted(
  { classWeights = "none", onProgress, signal }: InMemoryOptions,
  { table, labels, groups }: { readonly table: RowTable; readonly labels: Int32Array; readonly groups: Int32Array },
  classes: number,
  random: Random,
  { pause }: Surroundings,
  how: Pick<HeadOptions, "near" | "foldOf"> = {},
): Promise<HeadFit> {
  await pause();
  const fits = fitsAtFirst(how);
  const meter = createMeter({ stage: "Fitting the head", unit: "fits", total: fits, onProgress });
  const onRound = (running: number): void => meter.set(fits - running);
  return fitHead(table, labels, classes, random, { ...how, classWeights, groups, onRound, signal });
}

/** The features of a tuned network, which are not known yet, for as many pictures as fill a bank. */
async function tunedFeatures(
  options: InMemoryOptions,
  network: Network,
  { places, groups }: Part,
  shape: CutShape,
  around: Surroundings,
): Promise<Learned["bank"] & { readonly rows: readonly number[] }> {
  const groupOf = new Map(places.map((place, row) => [place, groups[row]!]));
  const chosen = randomFor(options.seed ?? 0, "tuned features")
    .shuffle([...places])
    .slice(0, BANK_ROWS);
  const examples = chosen.map((place) => options.examples[place]!);
  const { table, places: read } = await tableOfExamples(
    { ...options, network, examples },
    { cuts: [{ tensor: network.cut, shape }], mirrors: false },
    around,
  );
  const rowOf = new Map(places.map((place, row) => [place, row]));
  return {
    table,
    groups: Int32Array.from(read, (at) => groupOf.get(chosen[at]!)!),
    rows: read.map((at) => rowOf.get(chosen[at]!)!),
  };
}

async function concluded(
  { network, head, bank, unseen, unseenLogits, trained, logits, labels, groups, foldOf, source }: Learned,
  classes: readonly string[],
  shape: CutShape,
  skipped: InMemoryResult["skipped"],
  { network: given, seed = 0 }: InMemoryOptions,
): Promise<InMemoryResult> {
  const { temperature } = fitTemperature(logits, labels);
  const probabilities = crossFitted(logits, labels, classes.length, foldOf);
  const counts = countLabels(labels, classes.length);
  const majorityClass = counts.indexOf(Math.max(...counts));
  const novelty = await fitNovelty(
    { train: bank, calibration: unseen, probabilities: softmax(unseenLogits, classes.length, temperature) },
    randomFor(seed, "novelty"),
  );
  const conformal = fitConformal(softmax(logits, classes.length, temperature), labels);
  const tuned = network.model !== given.model;
  return {
    artifact: buildArtifact({ network, shape, head, classes, temperature, novelty, conformal, tuned, graftVersion }),
    classes,
    validation: { ...evaluatePredictions({ probabilities, labels, classes, majorityClass, groups }), source },
    trained,
    skipped,
  };
}
