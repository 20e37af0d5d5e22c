/** Statistics that a few odd values do not sway: the median, and distances from it in robust deviations. */

import { quantile } from "../base/statistics.ts";

/** The deviation of a normal distribution whose half the values lie as near to the median. */
const MAD_TO_DEVIATION = 1.4826;

/**
 * How many robust deviations each value lies above the median (below: negative): 1.4826 times the median absolute deviation takes the
 * standard deviation's place. Source: Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993).
 *
 * @param least the deviation is taken for at least this, so that values that hardly differ have no outliers
 */
export function robustScores(values: ArrayLike<number>, least: number): Float64Array {
  const median = quantile(values, 0.5);
  const deviations = Float64Array.from(values as ArrayLike<number>, (value) => Math.abs(value - median));
  const scale = Math.max(least, MAD_TO_DEVIATION * quantile(deviations, 0.5));
  return Float64Array.from(values as ArrayLike<number>, (value) => (value - median) / scale);
}

/** Chebyshev's bound: of any distribution, at most 1/z² lies `z` deviations away; so sure is one that such a value is odd. */
export const oddness = (score: number): number => Math.max(0, 1 - 1 / Math.max(1, score * score));
