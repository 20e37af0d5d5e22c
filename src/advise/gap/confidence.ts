/**
 * How sure a network's own classifier is of pictures that it was not trained on: the one reading of how far they are from what it
 * knows that needs nothing but the network. Pure: answers in, figures and words out.
 */
import { softmax } from "../../evaluate/softmax.ts";

export interface Confidence {
  /** Pictures that were asked about. */
  readonly pictures: number;
  /** Classes of the network's own classifier. */
  readonly classes: number;
  /** Mean probability of its answer, in [0, 1]. */
  readonly meanConfidence: number;
  /** Mean entropy of its answers as a share of the largest there can be, in [0, 1]. */
  readonly entropy: number;
  /** Share of the pictures whose answer is the most frequent one: near 1 where it sees the same in all. */
  readonly sameAnswer: number;
}

export type Distance = "near" | "some-way" | "far";

/** What a {@link Confidence} says. Never a verdict: a probe on features that are unsure of names may still be right. */
export interface DomainGap extends Confidence {
  /** The network whose classifier was asked. */
  readonly network: string;
  readonly distance: Distance;
  readonly words: string;
}

/** Fewer classes than this are another task than naming what is in a picture. */
export const FEWEST_CLASSES = 100;

/**
 * Measures a classifier's answers.
 *
 * @param answers `[N, K]`: probabilities, or logits where they are none
 */
export function confidenceOf(answers: Float32Array, classes: number): Confidence {
  const probabilities = isProbabilities(answers, classes) ? answers : softmax(answers, classes);
  const pictures = answers.length / classes;
  const named = new Map<number, number>();
  let [confidence, entropy] = [0, 0];
  for (let row = 0; row < pictures; row++) {
    const own = probabilities.subarray(row * classes, (row + 1) * classes);
    let top = 0;
    own.forEach((p, c) => {
      if (p > 0) entropy -= p * Math.log(p);
      if (p > own[top]!) top = c;
    });
    confidence += own[top]!;
    named.set(top, (named.get(top) ?? 0) + 1);
  }
  return {
    pictures,
    classes,
    meanConfidence: confidence / pictures,
    entropy: entropy / pictures / Math.log(classes),
    sameAnswer: Math.max(...named.values()) / pictures,
  };
}

function isProbabilities(answers: Float32Array, classes: number): boolean {
  let sum = 0;
  for (let c = 0; c < classes; c++) {
    if (!(answers[c]! >= 0)) return false;
    sum += answers[c]!;
  }
  return Math.abs(sum - 1) < 1e-3;
}

/** Entropies, as shares of the largest, below which pictures are near and at some way. See `npm run bench -- advice`. */
const NEAR = 0.4;
const SOME_WAY = 0.5;

const sentences: Readonly<Record<Distance, string>> = {
  near: "these pictures are much like those that it learned from",
  "some-way": "these pictures are some way from those that it learned from",
  far: "these pictures are far from those that it learned from",
};

/** The reading of a network's classifier in plain words. */
export function gapOf(confidence: Confidence, network: string): DomainGap {
  const { entropy, meanConfidence, pictures } = confidence;
  const distance: Distance = entropy < NEAR ? "near" : entropy < SOME_WAY ? "some-way" : "far";
  const words =
    `Asked to name ${pictures} of them, ${network}'s own classifier is ${Math.round(100 * meanConfidence)}% sure on average ` +
    `(entropy ${Math.round(100 * entropy)}% of the largest): ${sentences[distance]}.`;
  return { ...confidence, network, distance, words };
}
