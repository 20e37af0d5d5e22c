/** How much smaller one set of losses is than another on the same examples, and how sure that is. */

import { mean } from "../base/statistics.ts";

export interface Gain {
  /** Mean of the first losses minus the second. */
  readonly mean: number;
  /** Its standard error. */
  readonly error: number;
}

/**
 * The paired difference of two losses `[N]`, reckoned with one more example that says the opposite as strongly as any example speaks for
 * the second: a single example, however loud, then never makes a gain of more than one standard error, as it otherwise would (its mean
 * and its error are the same). Of many examples it changes nothing.
 *
 * `mean > error` is the one-standard-error rule: of two models the simpler is kept unless the other is better by more than one standard
 * error (Breiman et al., "Classification and regression trees", 1984, section 3.4.3).
 */
export function pairedGain(from: ArrayLike<number>, to: ArrayLike<number>): Gain {
  if (from.length !== to.length || from.length === 0)
    throw new RangeError(`${from.length} losses and ${to.length} are not pairs.`);
  const differences = Array.from(from, (loss, i) => loss - to[i]!);
  const strongest = differences.reduce((most, one) => Math.max(most, one), 0);
  const all = [...differences, -strongest];
  const centre = mean(all);
  const squares = all.reduce((sum, one) => sum + (one - centre) ** 2, 0);
  return { mean: centre, error: Math.sqrt(squares / (all.length - 1) / all.length) };
}

/** The mean value of each group, in the order of their first members. */
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
