/**
 * The average of the weights at the ends of the last epochs, which answers better than any one of them picked by luck.
 * Source: Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI 2018, arXiv 1803.05407; with the
 * weights falling off from epoch to epoch, so that it is there whenever training ends.
 */
import type { Weights } from "./step-runner.ts";

/** The share of the newest weights, once there are enough epochs: the last four count for about two thirds. */
const NEWEST = 1 / 4;

/**
 * The next average.
 *
 * @param average of the epochs before; nothing before the first
 * @param epoch counted from 1: the first ones count alike
 */
export function nextAverage(average: Weights | undefined, weights: Weights, epoch: number): Weights {
  if (!average) return weights;
  const share = Math.max(NEWEST, 1 / epoch);
  return new Map(
    [...weights].map(([name, values]) => {
      const before = average.get(name)!;
      return [name, values.map((value, i) => before[i]! + share * (value - before[i]!))];
    }),
  );
}
