/** How much better one set of answers is than another to the same pictures, and how sure that is. */

import { mean } from "../../base/statistics.ts";
import type { Interval } from "../../evaluate/interval.ts";
import { meansOfGroups } from "../../evaluate/paired.ts";

export interface Difference {
  /** Accuracy of the first minus that of the second. */
  readonly mean: number;
  /** 95%. Within [−1, 1]. */
  readonly interval: Interval;
}

/** The standard normal quantile of 97.5%. */
export const Z95 = 1.959963984540054;

/**
 * The difference of two accuracies on the same pictures: only those count that one names rightly and the other does not. An
 * adjusted Wald interval, good from a handful of pictures on.
 *
 * Source: D. Bonett and R. Price, "Adjusted Wald confidence interval for a difference of binomial proportions based on paired
 * data", Journal of Educational and Behavioral Statistics 37 (2012), 479–488.
 *
 * @param a `[N]`, 1 where right
 * @param b the same pictures in the same order
 * @param groups the group of each picture: those of one group count once in the interval, with their mean
 */
export function pairedDifference(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  groups?: ArrayLike<number> | undefined,
): Difference {
  const total = a.length;
  if (total !== b.length || total === 0) throw new RangeError(`${total} answers and ${b.length} are not pairs.`);
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

/** As {@link pairedDifference}, of groups' mean differences and two made-up groups, one for each side. */
function groupedDifference(a: ArrayLike<number>, b: ArrayLike<number>, groups: ArrayLike<number>): Difference {
  const all = Array.from(a, (own, i) => own - b[i]!);
  const units = [...meansOfGroups(all, groups), 1, -1];
  const centre = mean(units);
  const reach = Z95 * Math.sqrt(mean(units.map((value) => (value - centre) ** 2)) / units.length);
  return { mean: mean(all), interval: [Math.max(-1, centre - reach), Math.min(1, centre + reach)] };
}
