/**
 * The evidence against each label, from label scorers and the estimated noise, and its summary as data and as a sentence. The noise model is in
 * label-noise.ts, the scorers in label-scorers.ts.
 */
import { tally } from "../../base/collections.ts";
import type { Random } from "../../base/random.ts";
import { listed } from "../../base/text.ts";
import { argmax } from "../../metrics/logits.ts";
import { classProbabilities, estimateNoise, type LabelScorer, type Noise, wrongProbability } from "./label-noise.ts";

export interface ConfidentJoint {
  /** `[C]`: the paper's t_j, the mean probability of class j over images labelled j. */
  readonly thresholds: Float64Array;
  /** `[N]`: the class that each image is confidently of; −1 for none. */
  readonly classOf: Int32Array;
}

/**
 * The confident joint: which class each image is confidently of. An image counts for a class if the class's probability is at least as high as is
 * usual for images with that label; among several such classes for the most probable one. Source: Northcutt, Jiang and Chuang, "Confident
 * learning: estimating uncertainty in dataset labels", JAIR 2021 (arXiv 1911.00068), section 3.1.
 *
 * @param probabilities `[N, C]`, from scorers that did not see the image
 */
export function confidentJoint(probabilities: Float32Array, labels: Int32Array, classes: number): ConfidentJoint {
  const thresholds = new Float64Array(classes);
  const counts = new Float64Array(classes);
  labels.forEach((label, at) => {
    thresholds[label] = thresholds[label]! + probabilities[at * classes + label]!;
    counts[label] = counts[label]! + 1;
  });
  for (let c = 0; c < classes; c++) thresholds[c] = thresholds[c]! / Math.max(1, counts[c]!);
  // The most probable class that is above its own threshold may not be the most probable one.
  const above = new Float32Array(classes);
  const classOf = Int32Array.from(labels, (_, at) => {
    for (let c = 0; c < classes; c++) {
      const value = probabilities[at * classes + c]!;
      above[c] = value >= thresholds[c]! ? value : 0;
    }
    const best = argmax(above, 0, classes);
    return above[best]! > 0 ? best : -1;
  });
  return { thresholds, classOf };
}

// The evidence against each label: the probability that it is wrong ({@link estimateNoise}), which class the image shows, and whether the
// evidence is strong. Strong evidence needs three conditions: the label is wrong with a probability of 90%, the image is confidently of
// another class ({@link confidentJoint}), and its nearest neighbours are of that class rather than of its own. The probabilities are
// calibrated: their sum over some images is the expected number of wrong labels among them.

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

// The summary for the terminal and the report.

/** The noise in a dataset's labels. */
export interface LabelNoise {
  /** The expected share of wrong labels, and its 95% interval. */
  readonly wrong: number;
  readonly interval: readonly [low: number, high: number];
  /** The names of the label scorers. */
  readonly judges: readonly string[];
  /** Images whose label is reported as wrong or worth a look. */
  readonly named: number;
  /** How many of those are expected to have wrong labels, and how many correct ones: the false findings. */
  readonly expectedWrong: number;
  readonly expectedFalse: number;
}

/** Summarises the evidence against each label. */
export function labelNoise({ rate, interval, judges, wrong }: LabelEvidence): LabelNoise {
  const named = wrong.filter((probability) => probability >= WORTH_A_LOOK);
  const expectedWrong = named.reduce((sum, probability) => sum + probability, 0);
  return {
    wrong: rate,
    interval,
    judges,
    named: named.length,
    expectedWrong,
    expectedFalse: named.length - expectedWrong,
  };
}

/** The summary as text. */
export function labelSentence({ wrong, interval: [low, high], judges, named, ...expected }: LabelNoise): string {
  const range = `${percent(wrong)} of the labels are wrong (95% interval: ${percent(low)} to ${percent(high)})`;
  const by = `Based on ${listed(judges)}.`;
  const findings =
    named === 0
      ? "No label is improbable enough to be reported, so there are no false findings."
      : `Of the ${named} named, expect ${roughly(expected.expectedWrong)} to be wrong and ${roughly(expected.expectedFalse)} to be right: the false findings.`;
  return `About ${range}. ${findings} ${by}`;
}

const percent = (share: number): string => `${(share * 100).toFixed(1)}%`;

/** An expected count: rounded from 10 on, with one decimal below. */
export const roughly = (count: number): string => (count >= 10 ? String(Math.round(count)) : count.toFixed(1));
