/**
 * The domain gap: how confident a network's own classifier is on images that it was not trained on. This estimates how far they are from
 * what it knows, and needs only the network.
 */

import { isDataError } from "../base/errors.ts";
import { readBytes } from "../base/files.ts";
import { decodeImage } from "../data/image/decode.ts";
import { softmax } from "../metrics/logits.ts";
import type { CutShape } from "../networks/backbone/backbone.ts";
import type { Network } from "../networks/network.ts";
import { openModel } from "../onnx/session/mapped-model.ts";
import { openBackbone } from "../train/node.ts";

export interface Confidence {
  /** Number of images. */
  readonly pictures: number;
  /** Classes of the network's own classifier. */
  readonly classes: number;
  /** Mean top probability, in [0, 1]. */
  readonly meanConfidence: number;
  /** Mean entropy of its predictions as a share of the maximum, in [0, 1]. */
  readonly entropy: number;
  /** Share of the images with the most frequent prediction: near 1 if it sees the same in all. */
  readonly sameAnswer: number;
}

export type Distance = "near" | "some-way" | "far";

/** The interpretation of a {@link Confidence}. Not a verdict: a probe on features may be accurate even if the classifier is unsure. */
export interface DomainGap extends Confidence {
  /** The name of the network. */
  readonly network: string;
  readonly distance: Distance;
  readonly words: string;
}

/** Classifiers with fewer classes than this do not recognise objects in general. */
export const FEWEST_CLASSES = 100;

/**
 * Measures a classifier's confidence.
 *
 * @param outputs `[N, K]`: probabilities or logits
 */
export function confidenceOf(outputs: Float32Array, classes: number): Confidence {
  const probabilities = isProbabilities(outputs, classes) ? outputs : softmax(outputs, classes);
  const pictures = outputs.length / classes;
  const counts = new Map<number, number>();
  let [confidence, entropy] = [0, 0];
  for (let row = 0; row < pictures; row++) {
    const own = probabilities.subarray(row * classes, (row + 1) * classes);
    let top = 0;
    own.forEach((p, c) => {
      if (p > 0) entropy -= p * Math.log(p);
      if (p > own[top]!) top = c;
    });
    confidence += own[top]!;
    counts.set(top, (counts.get(top) ?? 0) + 1);
  }
  return {
    pictures,
    classes,
    meanConfidence: confidence / pictures,
    entropy: entropy / pictures / Math.log(classes),
    sameAnswer: Math.max(...counts.values()) / pictures,
  };
}

function isProbabilities(outputs: Float32Array, classes: number): boolean {
  let sum = 0;
  for (let c = 0; c < classes; c++) {
    if (!(outputs[c]! >= 0)) return false;
    sum += outputs[c]!;
  }
  return Math.abs(sum - 1) < 1e-3;
}

/** Entropies, as shares of the maximum, below which images are near and at some distance. See `npm run bench -- advice`. */
const NEAR = 0.4;
const SOME_WAY = 0.5;

const sentences: Readonly<Record<Distance, string>> = {
  near: "these images are much like its training images",
  "some-way": "these images differ somewhat from its training images",
  far: "these images differ strongly from its training images",
};

/** Interprets the confidence of a network's classifier. */
export function gapOf(confidence: Confidence, network: string): DomainGap {
  const { entropy, meanConfidence, pictures } = confidence;
  const distance: Distance = entropy < NEAR ? "near" : entropy < SOME_WAY ? "some-way" : "far";
  const words =
    `On ${pictures} of them, ${network}'s own classifier is ${Math.round(100 * meanConfidence)}% confident on average ` +
    `(entropy ${Math.round(100 * entropy)}% of the maximum): ${sentences[distance]}.`;
  return { ...confidence, network, distance, words };
}

// Measuring.

/** The number of images. */
export const GAP_IMAGES = 32;
const BATCH = 8;

/**
 * Measures the confidence of the network's classifier on the first {@link GAP_IMAGES} readable images. Undefined if the network ends in
 * features, or has too few classes.
 */
export async function readConfidence(
  network: Network,
  shape: CutShape,
  paths: readonly string[],
): Promise<Confidence | undefined> {
  const { model } = network;
  const output = model.graph.outputs[0];
  const declared = output?.dims?.at(-1);
  if (!output || (typeof declared === "number" && declared < FEWEST_CLASSES)) return undefined;
  const input = model.graph.inputs[0]!.name;
  // Only its preprocessing is used: it opens nothing else.
  const runner = openBackbone(network, shape);
  const session = await openModel(model);
  try {
    const outputs: Float32Array[] = [];
    let classes = 0;
    for (let from = 0; from < Math.min(paths.length, GAP_IMAGES); from += BATCH) {
      const prepared = await preparedImages(runner.prepare, paths.slice(from, Math.min(from + BATCH, GAP_IMAGES)));
      if (prepared.length === 0) continue;
      const data = new Float32Array(prepared.length * prepared[0]!.length);
      prepared.forEach((pixels, i) => {
        data.set(pixels, i * pixels.length);
      });
      const result = (
        await session.run({ [input]: { dims: [prepared.length, ...runner.inputDims], data } }, [output.name])
      )[output.name]!;
      classes = result.data.length / prepared.length;
      if (!(result.data instanceof Float32Array) || classes < FEWEST_CLASSES || result.dims.at(-1) !== classes)
        return undefined;
      outputs.push(result.data);
    }
    if (outputs.length === 0) return undefined;
    const all = new Float32Array(outputs.reduce((sum, { length }) => sum + length, 0));
    let at = 0;
    for (const part of outputs) {
      all.set(part, at);
      at += part.length;
    }
    return confidenceOf(all, classes);
  } finally {
    await session.close();
    await runner.close();
  }
}

async function preparedImages(
  prepare: ReturnType<typeof openBackbone>["prepare"],
  paths: readonly string[],
): Promise<Float32Array[]> {
  const prepared: Float32Array[] = [];
  for (const path of paths) {
    try {
      prepared.push(await prepare(await decodeImage(await readBytes(path))));
    } catch (error) {
      // Unreadable images are listed when features are computed.
      if (!isDataError(error)) throw error;
    }
  }
  return prepared;
}
