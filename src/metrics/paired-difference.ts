/** The paired difference of two models' losses on the same examples, and its standard error. */
import { mean } from "../base/collections.ts";
import type { Interval } from "./accuracy-interval.ts";

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
