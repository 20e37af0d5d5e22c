/**
 * Exports a trained model in 8-bit integers: quantises it, compares it with the original on images that the ranges were not
 * measured on, and writes it only if it is as good. Which networks gain: `npm run bench -- quantised`.
 */

import { mean, quantile } from "../base/collections.ts";
import { dataError } from "../base/errors.ts";
import { writeWhole } from "../base/files.ts";
import type { OnProgress } from "../base/progress.ts";
import { randomFor } from "../base/random.ts";
import type { Dataset, Example } from "../data/dataset/discover.ts";
import { decodeImage } from "../data/image/decode.ts";
import type { Interval } from "../metrics/intervals.ts";
import { pairedDifference } from "../metrics/intervals.ts";
import { argmax } from "../metrics/logits.ts";
import { type Artifact, openArtifactBytes, predictFiles, readArtifact } from "../model/open-artifact.ts";
import { quantiseArtifact } from "../model/quantise-artifact.ts";
import { encodeModelWhole } from "../onnx/codec/write-model.ts";
import { evaluationPart } from "./evaluate-model.ts";

export interface Int8Options {
  /** The path of the new model. */
  readonly out: string;
  /** The share of accuracy that may be lost; one image may always be lost. A model that loses more is not written. */
  readonly acceptLoss: number;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The two models on the same images. */
export interface Int8Facts {
  readonly bytes: { readonly before: number; readonly after: number };
  /** Median milliseconds for one image, preparation included. */
  readonly latencyMs: { readonly before: number; readonly after: number };
  readonly judged: {
    /** Which images: of the test part, of the validation part, or images that the model may have learned from. */
    readonly part: "test" | "validation" | "train";
    readonly images: number;
    readonly accuracy: { readonly before: number; readonly after: number };
    /** The accuracy after minus that before, with its 95% interval. */
    readonly difference: { readonly mean: number; readonly interval: Interval };
    /** Images for which both models predict the same class. */
    readonly same: number;
  };
}

/** Images that ranges are measured on, and images that the time is measured on. */
const [RANGE_IMAGES, TIMED_IMAGES] = [64, 30];

/**
 * Quantises a model, evaluates it and writes it.
 *
 * @param model the model's path and bytes
 * @param dataset labelled images, with classes of the model
 * @throws GraftError (`data`) if too few images can be read, or if more accuracy is lost than accepted
 */
export async function exportInt8(
  { path, bytes }: { readonly path: string; readonly bytes: Uint8Array },
  dataset: Dataset,
  options: Int8Options,
): Promise<Int8Facts> {
  const { out, acceptLoss, onProgress, signal } = options;
  const { model } = readArtifact(bytes, path);
  const { ranges, judged, part } = imagesFor(dataset);
  const quantised = encodeModelWhole(await quantiseArtifact(model, path, ranges, { onProgress, signal }));
  const [before, after] = [await openArtifactBytes(bytes, path), await openArtifactBytes(quantised, out)];
  try {
    const truths = judged.map(({ label }) => before.classes.indexOf(dataset.classes[label]!));
    const named = { before: await classesOf(before, judged, options), after: await classesOf(after, judged, options) };
    const read = truths.flatMap((_, i) => (named.before[i] === undefined ? [] : [i]));
    if (read.length === 0) throw dataError(`None of the ${judged.length} evaluation images could be read.`);
    const right = (of: readonly (number | undefined)[]): number[] => read.map((i) => Number(of[i] === truths[i]));
    const difference = pairedDifference(right(named.after), right(named.before));
    const accuracy = { before: mean(right(named.before)), after: mean(right(named.after)) };
    // With few images, one of them is more than a percentage point and says nothing.
    if (Math.round(-difference.mean * read.length) > Math.max(1, acceptLoss * read.length))
      throw dataError(lostText(accuracy, read.length));
    const latencyMs = await latencies({ before, after }, judged);
    await writeWhole(out, quantised);
    const same = read.filter((i) => named.before[i] === named.after[i]).length;
    return {
      bytes: { before: bytes.length, after: quantised.length },
      latencyMs,
      judged: { part, images: read.length, accuracy, difference, same },
    };
  } finally {
    await before.close();
    await after.close();
  }
}

const percent = (share: number): string => `${(100 * share).toFixed(1)}%`;

const lostText = ({ before, after }: { readonly before: number; readonly after: number }, images: number): string =>
  `In 8-bit integers, the accuracy on ${images} images falls from ${percent(before)} to ${percent(after)}, so no model was written. This network does not tolerate rounding: use the model as it is, or another network.`;

/** Ranges are measured on training images, so that the evaluation images are new to both models. */
function imagesFor(dataset: Dataset): {
  readonly ranges: readonly string[];
  readonly judged: readonly Example[];
  readonly part: Int8Facts["judged"]["part"];
} {
  const { examples } = dataset;
  const { part, examples: own } = evaluationPart(dataset);
  const random = randomFor(0, "ranges");
  const learned = random.shuffle(examples.filter(({ split }) => split === undefined || split === "train"));
  const known = part === undefined || learned.length === 0 ? random.shuffle([...examples]) : learned;
  const ranges = known.slice(0, Math.min(RANGE_IMAGES, Math.ceil(known.length / 2)));
  const judged = part === undefined ? known.slice(ranges.length) : own;
  return { ranges: ranges.map(({ path }) => path), judged, part: part ?? "train" };
}

/** The class that a model predicts for each image; undefined for images that cannot be read. */
async function classesOf(
  artifact: Artifact,
  examples: readonly Example[],
  { onProgress, signal }: Pick<Int8Options, "onProgress" | "signal">,
): Promise<(number | undefined)[]> {
  const named: (number | undefined)[] = [];
  const paths = examples.map(({ path }) => path);
  for await (const predicted of predictFiles(artifact, paths, { stage: "Judging", onProgress, signal })) {
    const { length } = artifact.classes;
    named.push(predicted.kind === "predicted" ? argmax(predicted.raw.probabilities, 0, length) : undefined);
  }
  return named;
}

/** Times both models in turn on the same images. */
async function latencies(
  models: { readonly before: Artifact; readonly after: Artifact },
  examples: readonly Example[],
): Promise<Int8Facts["latencyMs"]> {
  const times = { before: [] as number[], after: [] as number[] };
  for (const { path } of examples.slice(0, TIMED_IMAGES)) {
    const image = await decodeImage(path).catch(() => undefined);
    if (!image) continue;
    for (const which of ["before", "after"] as const) {
      const began = performance.now();
      await models[which].predict(image);
      times[which].push(performance.now() - began);
    }
  }
  return { before: quantile(times.before, 0.5), after: quantile(times.after, 0.5) };
}
