/**
 * Confidence intervals of accuracies and of differences between two models, also for grouped examples. Works on correctness flags and
 * losses; runs no model.
 */

import { mean } from "../base/collections.ts";
import { usageError } from "../base/errors.ts";

/** A low and a high bound, both in [0, 1]. */
export type Interval = readonly [low: number, high: number];

/**
 * The Wilson score interval of a proportion: all accuracies that are compatible with `correct` of `total`.
 * Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927), 209–212.
 *
 * @param correct number of correct predictions, 0 … `total`
 * @param total number of predictions, at least 1
 * @param confidence two-sided, in (0, 1); default 0.95
 * @throws GraftError (`usage`) if the counts or the confidence are out of range
 */
export function accuracyInterval(correct: number, total: number, confidence = 0.95): Interval {
  if (!Number.isInteger(total) || total < 1 || !Number.isInteger(correct) || correct < 0 || correct > total)
    throw usageError(`Expected integers 0 <= correct <= total with total >= 1, but got ${correct} of ${total}.`);
  if (!(confidence > 0 && confidence < 1 - 1e-12))
    throw usageError(`Expected a confidence between 0 and 1, such as 0.95, but got ${confidence}.`);
  return wilson(correct / total, total, confidence);
}

/** {@link accuracyInterval} of examples of which some are grouped, at their {@link effectiveSize}. */
export function groupedInterval(
  right: CorrectFlags,
  groups: ArrayLike<number> | undefined,
  confidence = 0.95,
): Interval {
  const correct = Array.from(right).reduce((sum, one) => sum + one, 0);
  const size = effectiveSize(right, groups);
  if (size === right.length) return accuracyInterval(correct, right.length, confidence);
  return wilson(correct / right.length, size, confidence);
}

function wilson(share: number, total: number, confidence: number): Interval {
  const z = normalQuantile((1 + confidence) / 2);
  const scale = 1 / (1 + (z * z) / total);
  const centre = scale * (share + (z * z) / (2 * total));
  const reach = scale * z * Math.sqrt((share * (1 - share)) / total + (z * z) / (4 * total * total));
  // At 0 and at `total` correct the bound is exactly 0 or 1; rounding alone would move it.
  return [share === 0 ? 0 : centre - reach, share === 1 ? 1 : centre + reach];
}

/**
 * The `z` below which a standard normal value is with probability `p`, for `p` in [0.5, 1 − 5e-13].
 * Newton's method on {@link normalCdf}: the distribution function is concave here, so the steps only increase.
 */
function normalQuantile(p: number): number {
  let z = 0;
  for (let step = 0; step < 200; step++) {
    const next = z + (p - normalCdf(z)) / (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI));
    if (!(next > z + 1e-15)) return z;
    z = next;
  }
  return z;
}

/**
 * The standard normal distribution function for 0 ≤ `z` < 8, by its Taylor series.
 * Source: G. Marsaglia, "Evaluating the normal distribution", Journal of Statistical Software 11 (2004), issue 4.
 */
function normalCdf(z: number): number {
  let [sum, term] = [z, z];
  for (let odd = 3; term > 1e-18 * sum; odd += 2) {
    term *= (z * z) / odd;
    sum += term;
  }
  return 0.5 + (sum * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI);
}

// The effective sample size of grouped examples: four copies of one image are worth about one.

/** `[N]`: 1 where a prediction is correct, else 0. */
export type CorrectFlags = ArrayLike<number>;

/**
 * How many groups with errors (or with correct predictions, if these are rarer) the data must show before the measured correlation
 * within groups outweighs the prior assumption that all members of a group are right or wrong together.
 */
const PRIOR_GROUPS = 4;

/**
 * The number of independent examples that would determine an accuracy as precisely: n / (1 + (m − 1)·ρ), with m the mean size of the
 * group that an example is in, and ρ the intra-group correlation of correctness, from 0 to 1.
 * Source: L. Kish, Survey Sampling (1965), section 5.4, with ρ shrunk towards 1 when errors are few.
 *
 * @param groups `[N]`: the group of each example; `undefined`: all examples are independent
 */
export function effectiveSize(right: CorrectFlags, groups: ArrayLike<number> | undefined): number {
  const count = right.length;
  if (!groups || count === 0) return count;
  const members = new Map<number, { size: number; right: number }>();
  let correct = 0;
  for (let i = 0; i < count; i++) {
    const own = members.get(groups[i]!) ?? { size: 0, right: 0 };
    members.set(groups[i]!, { size: own.size + 1, right: own.right + right[i]! });
    correct += right[i]!;
  }
  if (members.size === count) return count;
  const share = correct / count;
  const variance = share * (1 - share);
  let squares = 0;
  let pairs = 0;
  let together = 0;
  let withRight = 0;
  let withWrong = 0;
  for (const { size, right: own } of members.values()) {
    squares += size * size;
    pairs += size * (size - 1);
    // Products of two different members' deviations from the share, summed.
    together += (own - size * share) ** 2 - own * (1 - share) ** 2 - (size - own) * share ** 2;
    if (own > 0) withRight++;
    if (own < size) withWrong++;
  }
  const known = variance > 0 ? Math.min(withRight, withWrong) : 0;
  const alike = variance > 0 ? together / (pairs * variance) : 1;
  const assumed = (known * alike + PRIOR_GROUPS) / (known + PRIOR_GROUPS);
  return count / (1 + (squares / count - 1) * Math.min(1, Math.max(0, assumed)));
}

// The paired difference of two models' losses on the same examples, and its standard error.

export interface Gain {
  /** Mean of the first losses minus the second. */
  readonly mean: number;
  /** Its standard error. */
  readonly error: number;
}

/**
 * The paired difference of two losses `[N]`, with one added example that contradicts the gain as strongly as the strongest example
 * supports it. So a single example never makes a gain of more than one standard error (its mean and its error would be equal), and
 * with many examples the addition has no effect.
 *
 * `mean > error` is the one-standard-error rule: of two models the simpler is kept unless the other is better by more than one
 * standard error (Breiman et al., "Classification and regression trees", 1984, section 3.4.3).
 */
export function pairedGain(from: ArrayLike<number>, to: ArrayLike<number>): Gain {
  if (from.length !== to.length || from.length === 0)
    throw new RangeError(`Expected two losses of the same length >= 1, but got ${from.length} and ${to.length}.`);
  const differences = Array.from(from, (loss, i) => loss - to[i]!);
  const strongest = differences.reduce((most, one) => Math.max(most, one), 0);
  const all = [...differences, -strongest];
  const centre = mean(all);
  const squares = all.reduce((sum, one) => sum + (one - centre) ** 2, 0);
  return { mean: centre, error: Math.sqrt(squares / (all.length - 1) / all.length) };
}

/** The mean value of each group, in the order of the groups' first members. */
export function meansOfGroups(values: ArrayLike<number>, groups: ArrayLike<number>): number[] {
  const members = new Map<number, number[]>();
  for (let i = 0; i < values.length; i++) {
    const own = members.get(groups[i]!);
    if (own) own.push(values[i]!);
    else members.set(groups[i]!, [values[i]!]);
  }
  return [...members.values()].map(mean);
}

/** Whether the gain is more than one standard error. */
export const isClear = ({ mean, error }: Gain): boolean => mean > error;

// The paired difference of two accuracies on the same images, with its confidence interval.

export interface Difference {
  /** Accuracy of the first minus that of the second. */
  readonly mean: number;
  /** 95%, within [−1, 1]. */
  readonly interval: Interval;
}

/** The standard normal quantile of 97.5%. */
export const Z95 = 1.959963984540054;

/**
 * The difference of two accuracies on the same images, in which only images count that exactly one of the two predicts correctly. An
 * adjusted Wald interval, accurate from a handful of images on.
 *
 * Source: D. Bonett and R. Price, "Adjusted Wald confidence interval for a difference of binomial proportions based on paired
 * data", Journal of Educational and Behavioral Statistics 37 (2012), 479–488.
 *
 * @param a `[N]`, 1 if correct
 * @param b the same images in the same order
 * @param groups `[N]`: the group of each image; images of one group count once in the interval, with their mean
 */
export function pairedDifference(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  groups?: ArrayLike<number> | undefined,
): Difference {
  const total = a.length;
  if (total !== b.length || total === 0)
    throw new RangeError(`Expected two results of the same length >= 1, but got ${total} and ${b.length}.`);
  if (groups && new Set(Array.from(groups)).size < total) return groupedDifference(a, b, groups);
  let [onlyA, onlyB] = [0, 0];
  for (let i = 0; i < total; i++) {
    if (a[i]! > b[i]!) onlyA++;
    else if (b[i]! > a[i]!) onlyB++;
  }
  const [p, q] = [(onlyA + 1) / (total + 2), (onlyB + 1) / (total + 2)];
  const reach = Z95 * Math.sqrt((p + q - (p - q) ** 2) / (total + 2));
  return {
    mean: (onlyA - onlyB) / total,
    interval: [Math.max(-1, p - q - reach), Math.min(1, p - q + reach)],
  };
}

/** Like {@link pairedDifference}, for the groups' mean differences and two pseudo-groups, one for each side. */
function groupedDifference(a: ArrayLike<number>, b: ArrayLike<number>, groups: ArrayLike<number>): Difference {
  const all = Array.from(a, (own, i) => own - b[i]!);
  const units = [...meansOfGroups(all, groups), 1, -1];
  const centre = mean(units);
  const reach = Z95 * Math.sqrt(mean(units.map((value) => (value - centre) ** 2)) / units.length);
  return { mean: mean(all), interval: [Math.max(-1, centre - reach), Math.min(1, centre + reach)] };
}
