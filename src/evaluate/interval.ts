/**
 * Confidence intervals of an accuracy: the Wilson score interval, also of grouped examples, and the normal quantile that it needs.
 */
import { usageError } from "../base/errors.ts";
import { type CorrectFlags, effectiveSize } from "./effective-size.ts";

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
