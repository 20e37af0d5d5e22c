/**
 * Guarantees of a threshold that is one of n sorted scores: which of them to choose, and how far the share of new scores below it may
 * differ from the requested one. Exact for exchangeable examples, whatever their distribution.
 * Source: S. Wilks, "Determination of sample sizes for setting tolerance limits" (1941); V. Vovk, "Conditional validity of inductive
 * conformal predictors", arXiv 1209.2673, proposition 2.
 */
import type { Interval } from "./interval.ts";

/**
 * The rank, counted from 1, of the smallest of `count` sorted scores that a new score is at or below with probability at least `share`.
 * Greater than `count` if there are too few scores for that.
 */
export const rankFor = (count: number, share: number): number => Math.ceil((count + 1) * share - 1e-9);

/** The 95% range of the share of new scores below the `rank`-th smallest of `count`: Beta(rank, count + 1 − rank). */
export function shareBelow(count: number, rank: number): Interval {
  const quantile = (probability: number): number => {
    let [low, high] = [0, 1];
    for (let step = 0; step < 50; step++) {
      const middle = (low + high) / 2;
      // The share is below x if at least `rank` of `count` uniform numbers are.
      if (atLeast(rank, count, middle) < probability) low = middle;
      else high = middle;
    }
    return (low + high) / 2;
  };
  return [quantile(0.025), quantile(0.975)];
}

/** The probability of at least `rank` successes in `count` trials of probability `x`. */
function atLeast(rank: number, count: number, x: number): number {
  // Sums over the shorter tail; each term follows from its neighbour.
  const isUpper = rank > count / 2;
  const [from, to] = isUpper ? [rank, count] : [0, rank - 1];
  let logTerm = 0;
  for (let k = 1; k <= from; k++) logTerm += Math.log((count - from + k) / k);
  logTerm += from * Math.log(x) + (count - from) * Math.log1p(-x);
  let sum = 0;
  for (let k = from; k <= to; k++) {
    sum += Math.exp(logTerm);
    logTerm += Math.log(((count - k) / (k + 1)) * (x / (1 - x)));
  }
  return isUpper ? sum : 1 - sum;
}
