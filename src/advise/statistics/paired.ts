/** The paired difference of two accuracies on the same images, with its confidence interval. */

import { mean } from "../../base/statistics.ts";
import type { Interval } from "../../evaluate/interval.ts";
import { meansOfGroups } from "../../evaluate/paired.ts";

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
