/** Robust statistics: deviations from the median that outliers do not affect. */

import { quantile } from "../base/statistics.ts";

/** The ratio of a normal distribution's standard deviation to its median absolute deviation. */
const MAD_TO_DEVIATION = 1.4826;

/**
 * The robust score of each value: its distance from the median (below: negative) divided by 1.4826 times the median absolute deviation,
 * which estimates the standard deviation. Source: Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993).
 *
 * @param least lower bound of the deviation, so that nearly equal values have no outliers
 */
export function robustScores(values: ArrayLike<number>, least: number): Float64Array {
  const median = quantile(values, 0.5);
  const deviations = Float64Array.from(values as ArrayLike<number>, (value) => Math.abs(value - median));
  const scale = Math.max(least, MAD_TO_DEVIATION * quantile(deviations, 0.5));
  return Float64Array.from(values as ArrayLike<number>, (value) => (value - median) / scale);
}

/** The confidence that a value with this robust score is an outlier, by Chebyshev's bound: at most 1/z² of any distribution is beyond z. */
export const outlierConfidence = (score: number): number => Math.max(0, 1 - 1 / Math.max(1, score * score));
