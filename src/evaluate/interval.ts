/**
 * How sure one can be of an accuracy that was counted on few examples: the Wilson score interval,
 * and the normal quantile it needs.
 */
import { usageError } from "../base/errors.ts";
import { effectiveSize, type Right } from "./effective-size.ts";

/** A low and a high bound, both in [0, 1]. */
export type Interval = readonly [low: number, high: number];

/**
 * The Wilson score interval of a proportion: the accuracies with which `correct` of `total` would be no surprise.
 * Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927), 209–212.
 *
 * @param correct examples answered rightly, 0 … `total`
 * @param total examples asked, at least 1
 * @param confidence two-sided, in (0, 1); 0.95 by default
 * @throws a usage error where the counts or the confidence make no sense
 */
export function accuracyInterval(correct: number, total: number, confidence = 0.95): Interval {
  if (!Number.isInteger(total) || total < 1 || !Number.isInteger(correct) || correct < 0 || correct > total)
    throw usageError(`An interval of ${correct} in ${total} makes no sense: give whole numbers, 0 ≤ correct ≤ total.`);
  if (!(confidence > 0 && confidence < 1 - 1e-12))
    throw usageError(`A confidence of ${confidence} makes no sense: give a number between 0 and 1, such as 0.95.`);
  return wilson(correct / total, total, confidence);
}

/** {@link accuracyInterval} of examples of which some belong together, with as many as they are worth: {@link effectiveSize}. */
export function groupedInterval(right: Right, groups: ArrayLike<number> | undefined, confidence = 0.95): Interval {
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
  // At 0 and at `total` correct the bound is exactly 0 or 1; only rounding would put it elsewhere.
  return [share === 0 ? 0 : centre - reach, share === 1 ? 1 : centre + reach];
}

/**
 * The `z` below which a standard normal value falls with probability `p`, for `p` in [0.5, 1 − 5e-13].
 * Newton's method on {@link normalCdf}; on this side the distribution function is concave, so the steps only ever climb.
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
