/**
 * One training, from a folder of pictures to an artifact in memory: features, head, calibration, evaluation.
 * Writes nothing but the cache; files and words for people are made by the rooms above.
 */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { buildArtifact, frozenParameters } from "../artifact/build.ts";
import { cacheFolder } from "../base/cache.ts";
import { dataError } from "../base/errors.ts";
import { sha256, writeWhole } from "../base/files.ts";
import { createMeter, type OnProgress } from "../base/progress.ts";
import { createRandom, type Random } from "../base/random.ts";
import { graftVersion } from "../base/version.ts";
import { datasetDigest } from "../data/digest.ts";
import type { Dataset, Example } from "../data/discover.ts";
import { stratifiedSplit } from "../data/split.ts";
import { type Calibration, calibrate } from "../evaluate/calibration.ts";
import { type Evaluation, evaluatePredictions } from "../evaluate/evaluate.ts";
import { softmax } from "../evaluate/softmax.ts";
import type { Model } from "../graph/model.ts";
import { type CutShape, measureCut } from "../zoo/backbone.ts";
import type { Network } from "../zoo/network.ts";
import { openFeatureCache } from "./features/cache.ts";
import { type Extraction, extractFeatures, type Skipped } from "./features/extract.ts";
import { createRunner, preparationModel } from "./features/runner.ts";
import type { FeatureTable } from "./features/table.ts";
import { countLabels, fitHead, type HeadFit, headLogits, STRENGTHS } from "./head/fit.ts";

export interface TrainOptions {
  readonly dataset: Dataset;
  readonly network: Network;
  /** Default 0. The same seed gives the same split, folds and weights. */
  readonly seed?: number;
  readonly classWeights?: "none" | "balanced";
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
}

/** A picture with its label, its features' row gone into `logits`. */
export interface Judged {
  readonly examples: readonly Example[];
  /** `[N, C]` */
  readonly logits: Float32Array;
  /** `[N, C]`, after temperature scaling */
  readonly probabilities: Float32Array;
  readonly evaluation: Evaluation;
}

export interface TrainResult {
  readonly artifact: Model;
  readonly shape: CutShape;
  readonly head: HeadFit;
  readonly calibration: Calibration;
  readonly counts: {
    readonly train: number;
    readonly validation: number;
    readonly test: number;
    readonly skipped: number;
  };
  readonly validation: Judged & { readonly source: "cross-validation" | "folder" };
  readonly test: Judged & { readonly source: "folder" | "held-out" };
  readonly skipped: readonly Skipped[];
  /** The dataset's fingerprint, see {@link datasetDigest}. */
  readonly datasetDigest: string;
  /** Whether every parameter of the backbone has the same bytes in the artifact as in the network. */
  readonly frozenUnchanged: boolean;
  readonly timings: {
    readonly decode: number;
    readonly extract: number;
    readonly head: number;
    readonly finetune: number;
  };
  /** Images a second; 0 where nothing had to be done. */
  readonly rates: { readonly decode: number; readonly forward: number; readonly step: number };
  /** Pictures whose features were computed now, and that the cache had. */
  readonly features: { readonly computed: number; readonly cached: number };
}

/** A row of the feature table with its example. */
interface Part {
  readonly examples: readonly Example[];
  readonly table: FeatureTable;
  readonly labels: Int32Array;
}

/** The share of the pictures that is held out for the test where the dataset has no test folder. */
export const HELD_OUT_SHARE = 0.2;

/** Trains a head on frozen features (a linear probe). Throws GraftError where the data cannot be learned from. */
export async function train(options: TrainOptions): Promise<TrainResult> {
  const { dataset, network, seed = 0 } = options;
  const random = createRandom(seed);
  const folder = featureFolder(network);
  const shape = await rememberedShape(network, folder);
  const cache = await openFeatureCache(folder, shape.features);
  const runner = createRunner(network, shape);
  try {
    const began = performance.now();
    const extraction = await extractFeatures(
      dataset.examples.map(({ path }) => path),
      cache,
      runner,
      {
        ...(options.onProgress ? { onProgress: options.onProgress } : {}),
        ...(options.signal ? { signal: options.signal } : {}),
      },
    );
    const extract = (performance.now() - began) / 1000;
    const parts = partition(dataset, extraction, random);
    return await trainOnFeatures(options, shape, parts, extraction, extract, random);
  } finally {
    await runner.close();
    cache.close();
  }
}

async function trainOnFeatures(
  { dataset, network, classWeights = "none", onProgress }: TrainOptions,
  shape: CutShape,
  parts: Parts,
  extraction: Extraction,
  extract: number,
  random: Random,
): Promise<TrainResult> {
  const classes = dataset.classes.length;
  const began = performance.now();
  const fits = STRENGTHS.length * 5;
  const meter = createMeter({ stage: "Fitting the head", unit: "fits", total: fits, onProgress });
  const head = await fitHead(parts.train.table, parts.train.labels, classes, random, {
    classWeights,
    onRound: (running) => meter.set(fits - running),
  });
  const headSeconds = (performance.now() - began) / 1000;

  const validationLogits = parts.validation ? headLogits(head.head, parts.validation.table) : head.outOfFoldLogits;
  const validationPart = parts.validation ?? parts.train;
  const calibration = calibrate(validationLogits, validationPart.labels, classes);
  const counts = countLabels(parts.train.labels, classes);
  const majorityClass = counts.indexOf(Math.max(...counts));
  const judge = (part: Part, logits: Float32Array): Judged => {
    const probabilities = softmax(logits, classes, calibration.temperature);
    const evaluation = evaluatePredictions({
      probabilities,
      labels: part.labels,
      classes: dataset.classes,
      majorityClass,
    });
    return { examples: part.examples, logits, probabilities, evaluation };
  };
  const artifact = buildArtifact({
    network,
    shape,
    head: head.head,
    classes: dataset.classes,
    temperature: calibration.temperature,
    graftVersion,
  });
  return {
    artifact,
    shape,
    head,
    calibration,
    counts: {
      train: parts.train.examples.length,
      validation: parts.validation?.examples.length ?? 0,
      test: parts.test.examples.length,
      skipped: extraction.skipped.length,
    },
    validation: {
      ...judge(validationPart, validationLogits),
      source: parts.validation ? "folder" : "cross-validation",
    },
    test: { ...judge(parts.test, headLogits(head.head, parts.test.table)), source: parts.testSource },
    skipped: extraction.skipped,
    datasetDigest: datasetDigest(dataset, extraction.digests),
    frozenUnchanged: isUnchanged(artifact, network),
    timings: { decode: extraction.decodeSeconds, extract, head: headSeconds, finetune: 0 },
    rates: {
      decode: rate(extraction.computed, extraction.decodeSeconds),
      forward: rate(extraction.computed, extraction.forwardSeconds),
      step: 0,
    },
    features: { computed: extraction.computed, cached: extraction.cached },
  };
}

const rate = (count: number, seconds: number): number => (seconds > 0 ? count / seconds : 0);

interface Parts {
  readonly train: Part;
  readonly validation: Part | undefined;
  readonly test: Part;
  readonly testSource: "folder" | "held-out";
}

/** Deals the readable pictures to train, validation and test; holds out a test where the dataset has none. */
function partition({ examples, classes }: Dataset, { kept, table }: Extraction, random: Random): Parts {
  const rowsOf = (wanted: (split: Example["split"]) => boolean): number[] =>
    kept.flatMap((item, row) => (wanted(examples[item]!.split) ? [row] : []));
  const rows = rowsOf((split) => split === "train" || split === undefined);
  const validation = rowsOf((split) => split === "validation");
  const test = rowsOf((split) => split === "test");
  const part = (chosen: readonly number[]): Part => ({
    examples: chosen.map((row) => examples[kept[row]!]!),
    table: table.select(chosen),
    labels: Int32Array.from(chosen, (row) => examples[kept[row]!]!.label),
  });
  if (kept.length === 0)
    throw dataError(
      `None of the ${examples.length} images could be read: check that they are JPEG, PNG, WebP, GIF, AVIF, TIFF or BMP files.`,
    );
  const split = test.length > 0 ? { kept: rows, held: test } : holdOut(rows, part(rows).labels, random);
  const train = part(split.kept);
  countLabels(train.labels, classes.length).forEach((count, label) => {
    if (count < 2) {
      throw dataError(
        `The class "${classes[label]}" has ${count} readable image${count === 1 ? "" : "s"} to train on: add at least ${2 - count} more.`,
      );
    }
  });
  return {
    train,
    validation: validation.length > 0 ? part(validation) : undefined,
    test: part(split.held),
    testSource: test.length > 0 ? "folder" : "held-out",
  };
}

function holdOut(rows: readonly number[], labels: Int32Array, random: Random): { kept: number[]; held: number[] } {
  const { kept, held } = stratifiedSplit([...labels], HELD_OUT_SHARE, random);
  return { kept: kept.map((i) => rows[i]!), held: held.map((i) => rows[i]!) };
}

const hash = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Compares the hash of every frozen parameter in the artifact with the network's own. */
function isUnchanged(artifact: Model, network: Network): boolean {
  return [...frozenParameters(artifact)].every(([name, bytes]) => {
    const original = network.model.graph.initializers.get(name);
    return original !== undefined && hash(original.bytes) === hash(bytes);
  });
}

/** The cache's folder for a network, cut and preprocessing: the very graph of it, so that a change of it counts. */
function featureFolder({ sha256: weights, cut, preprocessing }: Network): string {
  const key = JSON.stringify([weights, cut, sha256(preparationModel(preprocessing))]);
  return join(cacheFolder(), "features", sha256(key).slice(0, 32));
}

/** The shape at the cut, measured once and kept beside the features. */
async function rememberedShape(network: Network, folder: string): Promise<CutShape> {
  const path = join(folder, "cut.json");
  const known = await readFile(path, "utf8").catch(() => undefined);
  if (known !== undefined) return JSON.parse(known) as CutShape;
  const shape = await measureCut(network);
  await writeWhole(path, JSON.stringify(shape));
  return shape;
}
