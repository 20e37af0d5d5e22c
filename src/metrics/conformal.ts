/**
 * Conformal prediction: instead of one class, the set of all classes that cannot be ruled out, and the threshold above which an image
 * is unknown. Both hold a guaranteed rate on new images like the calibration images, whatever the model. Computes no scores itself.
 *
 * Source: Sadinle, Lei and Wasserman, "Least ambiguous set-valued classifiers with bounded error levels", JASA 114 (2019), arXiv
 * 1609.00451; the finite-sample quantile as in Angelopoulos and Bates, arXiv 2107.07511, section 1.
 */

import { tally } from "../base/collections.ts";
import { dataError, usageError } from "../base/errors.ts";
import type { Groups } from "../data/dataset/split.ts";
import type { Interval } from "./intervals.ts";
import type { Labels, Values } from "./logits.ts";

/** The default share of images whose set shall hold the true class. */
export const COVERAGE = 0.9;

/** A rule for sets. */
export interface Conformal {
  /** The guaranteed share, in (0, 1). */
  readonly coverage: number;
  /** Classes of at least this probability are in the set. 0: every class is, because there were too few images to rule one out. */
  readonly threshold: number;
  /** Images that it was calibrated on: with n of them the true coverage varies by about √(coverage · (1 − coverage) / n). */
  readonly calibratedOn: number;
}

/**
 * Calibrates a rule on `N` images: the threshold is the probability of the true class that ⌈(N + 1) · coverage⌉ of them reach.
 *
 * @param probabilities `[N, C]` of images that the model was not trained on (held out, or out-of-fold)
 * @param labels `[N]`
 * @param coverage in (0, 1); default {@link COVERAGE}
 * @throws GraftError (`usage`) if the shapes do not match or the coverage is outside (0, 1), (`data`) if there is no image
 */
export function fitConformal(probabilities: Values, labels: Labels, coverage = COVERAGE): Conformal {
  if (labels.length === 0)
    throw dataError("No images to calibrate prediction sets on: add at least one labelled image.");
  const classes = probabilities.length / labels.length;
  if (!Number.isInteger(classes))
    throw usageError(
      `Expected probabilities [N, C], but ${probabilities.length} probabilities do not match ${labels.length} labels.`,
    );
  if (!(coverage > 0 && coverage < 1))
    throw usageError(`Expected a coverage between 0 and 1, such as 0.9, but got ${coverage}.`);
  const ofTruth = Float64Array.from(labels, (label, at) => probabilities[at * classes + label]!)
    .sort()
    .reverse();
  const reached = rankFor(labels.length, coverage);
  return {
    coverage,
    threshold: reached > labels.length ? 0 : ofTruth[reached - 1]!,
    calibratedOn: labels.length,
  };
}

/** What a rule can guarantee, given how many images it was calibrated on. */
export interface CoverageGuarantee {
  /** Whether there are enough images for the coverage. If not, no class is ruled out and every set holds all classes. */
  readonly enough: boolean;
  /** The 95% range of the true coverage over repeated calibrations on as many images. */
  readonly interval: Interval;
}

/** The coverage that a rule guarantees. */
export function coverageGuarantee({ coverage, calibratedOn }: Conformal): CoverageGuarantee {
  const rank = rankFor(calibratedOn, coverage);
  return rank > calibratedOn
    ? { enough: false, interval: [1, 1] }
    : { enough: true, interval: shareBelow(calibratedOn, rank) };
}

/**
 * The classes that cannot be ruled out for one image, most probable first. The set may be empty, if even the most probable class is
 * less probable than true classes usually are: a model that is correct more often than `coverage` must leave some sets empty to
 * match it.
 *
 * @param probabilities `[C]`
 */
export function conformalSet(probabilities: Values, { threshold }: Conformal): number[] {
  return [...probabilities.keys()]
    .filter((label) => probabilities[label]! >= threshold)
    .sort((a, b) => probabilities[b]! - probabilities[a]!);
}

/** Scores of prediction sets on images whose class is known. */
export interface SetScores {
  /** Share of the sets that hold the true class. */
  readonly covered: number;
  /** Mean number of classes in a set. */
  readonly size: number;
  /** Shares of the sets with one class, and with none. */
  readonly single: number;
  readonly empty: number;
}

/** Scores a rule on `N` images: `probabilities` `[N, C]`, `labels` `[N]`. */
export function scoreSets(probabilities: Float32Array, labels: Labels, conformal: Conformal): SetScores {
  const classes = probabilities.length / labels.length;
  let [covered, size, single, empty] = [0, 0, 0, 0];
  for (let at = 0; at < labels.length; at++) {
    const set = conformalSet(probabilities.subarray(at * classes, (at + 1) * classes), conformal);
    if (set.includes(labels[at]!)) covered++;
    if (set.length === 1) single++;
    if (set.length === 0) empty++;
    size += set.length;
  }
  const share = (count: number): number => count / labels.length;
  return { covered: share(covered), size: share(size), single: share(single), empty: share(empty) };
}

// The threshold of an out-of-distribution score for a chosen false alarm rate, and how well a score separates known from unknown.

/** The default share of images like the training images that may be called unknown. */
export const FALSE_ALARM_RATE = 0.05;

/** A threshold of the out-of-distribution score, and how many images it was fitted on. */
export interface OodThreshold {
  /** Undefined if there are too few images for the rate: then no image is called unknown. */
  readonly threshold: number | undefined;
  /** Independent images: those of one group count as one. */
  readonly independent: number;
}

/**
 * Fits the threshold that at most a share `rate` of new known images exceeds, by the finite-sample quantile of conformal prediction:
 * the ⌈(n + 1)(1 − rate)⌉-th smallest of n scores. A rate of 5% needs 19 images. Members of a group share the weight of one image
 * (Lee, Barber and Willett, "Distribution-free inference with hierarchical data", arXiv 2306.06342).
 *
 * @param scores `[N]` of known images that the score was not fitted on
 * @param groups `[N]`: the group of each image; `undefined`: all are independent
 * @throws GraftError (`data`) if there are no images
 */
export function fitOodThreshold(scores: ArrayLike<number>, groups: Groups, rate = FALSE_ALARM_RATE): OodThreshold {
  if (scores.length === 0) throw dataError("No images to fit the threshold for unknown images on: add images.");
  const groupOf = (row: number): number => groups?.[row] ?? row;
  const sizes = tally(Array.from(scores, (_, row) => groupOf(row)));
  const independent = sizes.size;
  const rank = rankFor(independent, 1 - rate);
  if (rank > independent) return { threshold: undefined, independent };
  const order = Array.from(scores, (score, row) => ({ score, weight: 1 / sizes.get(groupOf(row))! })).sort(
    (a, b) => a.score - b.score,
  );
  let below = 0;
  for (const { score, weight } of order) {
    below += weight;
    if (below >= rank - 1e-9) return { threshold: score, independent };
  }
  return { threshold: order.at(-1)!.score, independent };
}

/** The false alarm rate that a threshold guarantees, given how many images it was fitted on. */
export interface FalseAlarmGuarantee {
  /** Whether there are enough images for the rate. If not, no image is called unknown. */
  readonly enough: boolean;
  /** The 95% range of the true false alarm rate over repeated fits on as many images. */
  readonly interval: Interval;
}

/** The guarantee of a threshold for `rate`; `independent` as in {@link OodThreshold}. */
export function falseAlarmGuarantee(independent: number, rate: number): FalseAlarmGuarantee {
  const rank = rankFor(independent, 1 - rate);
  if (rank > independent) return { enough: false, interval: [0, 0] };
  const [low, high] = shareBelow(independent, rank);
  return { enough: true, interval: [1 - high, 1 - low] };
}

/**
 * The area under the receiver operating characteristic: the probability that an unknown image scores higher than a known one, ties
 * counting half. Source: Hanley and McNeil, Radiology 143 (1982), 29–36; by ranks, as the Mann–Whitney statistic.
 */
export function areaUnderRoc(known: ArrayLike<number>, unknown: ArrayLike<number>): number {
  const all = [
    ...Array.from(known, (score) => ({ score, isUnknown: 0 })),
    ...Array.from(unknown, (score) => ({ score, isUnknown: 1 })),
  ].sort((a, b) => a.score - b.score);
  let rankSum = 0;
  for (let from = 0; from < all.length; ) {
    let to = from;
    while (to < all.length && all[to]!.score === all[from]!.score) to++;
    const rank = (from + 1 + to) / 2;
    for (let i = from; i < to; i++) rankSum += all[i]!.isUnknown * rank;
    from = to;
  }
  const count = unknown.length;
  return (rankSum - (count * (count + 1)) / 2) / (count * known.length);
}

// Order statistics: which of n sorted scores to choose as a threshold, and how far the share of new scores below it may differ from
// the requested one. Exact for exchangeable examples, whatever their distribution.
// Source: S. Wilks, "Determination of sample sizes for setting tolerance limits" (1941); V. Vovk, "Conditional validity of inductive
// conformal predictors", arXiv 1209.2673, proposition 2.

/**
 * The rank, counted from 1, of the smallest of `count` sorted scores that a new score is at or below with probability at least `share`.
 * Greater than `count` if there are too few scores for that.
 */
export const rankFor = (count: number, share: number): number => Math.ceil((count + 1) * share - 1e-9);

/** The 95% range of the share of new scores below the `rank`-th smallest of `count`: Beta(rank, count + 1 − rank). */
export function shareBelow(count: number, rank: number): Interval {
  const quantile = (probability: number): number => {
    let [low, high] = [0, 1];
    for (let step = 0; step < 50; step++) {
      const middle = (low + high) / 2;
      // The share is below x if at least `rank` of `count` uniform numbers are.
      if (atLeast(rank, count, middle) < probability) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  };
  return [quantile(0.025), quantile(0.975)];
}

/** The probability of at least `rank` successes in `count` trials of probability `x`. */
function atLeast(rank: number, count: number, x: number): number {
  // Sums over the shorter tail; each term follows from its neighbour.
  const isUpper = rank > count / 2;
  const [from, to] = isUpper ? [rank, count] : [0, rank - 1];
  let logTerm = 0;
  for (let k = 1; k <= from; k++) logTerm += Math.log((count - from + k) / k);
  logTerm += from * Math.log(x) + (count - from) * Math.log1p(-x);
  let sum = 0;
  for (let k = from; k <= to; k++) {
    sum += Math.exp(logTerm);
    logTerm += Math.log(((count - k) / (k + 1)) * (x / (1 - x)));
  }
  return isUpper ? sum : 1 - sum;
}
