/**
 * The evidence against each label: the probability that it is wrong ({@link estimateNoise}), which class the image shows, and whether the
 * evidence is strong. Strong evidence needs three conditions: the label is wrong with a probability of 90%, the image is confidently of
 * another class ({@link confidentJoint}), and its nearest neighbours are of that class rather than of its own. The probabilities are
 * calibrated: their sum over some images is the expected number of wrong labels among them.
 */

import type { Random } from "../../base/random.ts";
import { tally } from "../../base/tally.ts";
import { argmax } from "../../evaluate/softmax.ts";
import { confidentJoint } from "./confident-joint.ts";
import { classProbabilities, estimateNoise, type LabelScorer, type Noise, wrongProbability } from "./noise.ts";

/** The probability of a wrong label from which an image is reported. */
export const WORTH_A_LOOK = 0.5;
/** The probability from which the evidence is strong, if the other conditions hold. */
const STRONG = 0.9;

export interface LabelEvidence {
  /** The names of the label scorers. */
  readonly judges: readonly string[];
  /** The estimated share of wrong labels in the dataset, with its 95% interval. */
  readonly rate: number;
  readonly interval: readonly [low: number, high: number];
  /** `[N, C]`: calibrated class probabilities, from scorers that did not see the label. */
  readonly probabilities: Float32Array;
  /** `[N]`: the probability that the label is wrong. */
  readonly wrong: Float32Array;
  /** `[N]`: the most probable class other than the label. */
  readonly shows: Int32Array;
  /** `[N]`: 1 where the evidence is strong. */
  readonly strong: Uint8Array;
}

export interface AuditLabels {
  readonly labels: Int32Array;
  readonly classes: number;
  /** `[N]`: images with the same number are copies. */
  readonly groups: Int32Array;
}

/**
 * Combines all scorers into the evidence against every label.
 *
 * @param votes `[N, C]`: how the nearest images vote
 */
export function labelEvidence(
  scorers: readonly LabelScorer[],
  votes: Float32Array,
  { labels, classes, groups }: AuditLabels,
  random: Random,
): LabelEvidence {
  const noise = estimateNoise(scorers, labels, classes, countsOf(groups), random);
  const size = labels.length;
  const probabilities = new Float32Array(size * classes);
  const wrong = new Float32Array(size);
  fill(noise, scorers, labels, probabilities, wrong);
  const { classOf } = confidentJoint(probabilities, labels, classes);
  const isStrong = (at: number, label: number): boolean => {
    const from = at * classes;
    const other = classOf[at]!;
    const isOther = other >= 0 && other !== label;
    return wrong[at]! >= STRONG && isOther && votes[from + other]! > votes[from + label]!;
  };
  return {
    judges: scorers.map(({ name }) => name),
    rate: noise.rate,
    interval: noise.interval,
    probabilities,
    wrong,
    shows: Int32Array.from(labels, (label, at) => bestOther(probabilities, at, label, classes)),
    strong: Uint8Array.from(labels, (label, at) => (isStrong(at, label) ? 1 : 0)),
  };
}

/** The weight of each image: copies of one another share 1. */
function countsOf(groups: ArrayLike<number>): Float64Array {
  const sizes = tally(Array.from(groups));
  return Float64Array.from(groups, (group) => 1 / sizes.get(group)!);
}

/** Averages the class probabilities, and the probability that each label is wrong, over the possible noise rates. */
function fill(
  { states, shares }: Noise,
  scorers: readonly LabelScorer[],
  labels: Int32Array,
  probabilities: Float32Array,
  wrong: Float32Array,
): void {
  const classes = shares.length;
  const p = new Float64Array(classes);
  for (const state of states) {
    labels.forEach((label, row) => {
      classProbabilities(state, scorers, shares, row, p);
      for (let c = 0; c < classes; c++) {
        const i = row * classes + c;
        probabilities[i] = probabilities[i]! + state.belief * p[c]!;
      }
      wrong[row] = wrong[row]! + state.belief * wrongProbability(state.epsilon, shares[label]!, p[label]!);
    });
  }
}

function bestOther(probabilities: Float32Array, at: number, label: number, classes: number): number {
  const row = probabilities.slice(at * classes, (at + 1) * classes);
  row[label] = -1;
  return argmax(row, 0, classes);
}
