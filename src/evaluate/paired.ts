/** The paired difference of two models' losses on the same examples, and its standard error. */

import { mean } from "../base/statistics.ts";

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
