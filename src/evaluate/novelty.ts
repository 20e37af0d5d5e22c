/** Scores of novelty as numbers: the threshold for a chosen rate of false alarms, and how well a score parts known from unknown. */

import { dataError } from "../base/errors.ts";
import { tally } from "../base/tally.ts";
import type { Groups } from "../data/split.ts";
import type { Interval } from "./interval.ts";
import { rankFor, shareBelow } from "./order-statistic.ts";

/** The share of pictures like those trained on that may be called unknown. */
export const FALSE_ALARM_RATE = 0.05;

/** A threshold of novelty, and what it was fitted on. */
export interface NoveltyThreshold {
  /** Nothing where there are too few pictures for the rate: then none is to be called unknown. */
  readonly threshold: number | undefined;
  /** Pictures that do not belong together: those of one group count as one. */
  readonly independent: number;
}

/**
 * The score that at most a share `rate` of new known pictures exceeds, by the finite-sample quantile of conformal prediction:
 * the ⌈(n + 1)(1 − rate)⌉-th smallest of n. For 5% it takes 19 pictures. Members of a group share the weight of one picture (Lee, Barber
 * and Willett, "Distribution-free inference with hierarchical data", arXiv 2306.06342).
 *
 * @param scores of known pictures that the score was not fitted on
 * @param groups the group of each; `undefined`: none belong together
 */
export function noveltyThreshold(scores: ArrayLike<number>, groups: Groups, rate = FALSE_ALARM_RATE): NoveltyThreshold {
  if (scores.length === 0) throw dataError("There is no picture to fit a threshold of novelty on: add images.");
  const groupOf = (row: number): number => groups?.[row] ?? row;
  const sizes = tally(Array.from(scores, (_, row) => groupOf(row)));
  const independent = sizes.size;
  const rank = rankFor(independent, 1 - rate);
  if (rank > independent) return { threshold: undefined, independent };
  const order = Array.from(scores, (score, row) => ({ score, weight: 1 / sizes.get(groupOf(row))! })).sort(
    (a, b) => a.score - b.score,
  );
  let below = 0;
  for (const { score, weight } of order) {
    below += weight;
    if (below >= rank - 1e-9) return { threshold: score, independent };
  }
  return { threshold: order.at(-1)!.score, independent };
}

/** What the pictures that a threshold was fitted on let it promise. */
export interface AlarmPromise {
  /** Whether they are enough for the rate. Without, no picture is called unknown. */
  readonly enough: boolean;
  /** The share of new pictures like those trained on that is called unknown: where it is in 95% of trainings on so many pictures. */
  readonly interval: Interval;
}

/** How far a threshold keeps its promise; `independent` as in {@link NoveltyThreshold}. */
export function alarmPromise(independent: number, rate: number): AlarmPromise {
  const rank = rankFor(independent, 1 - rate);
  if (rank > independent) return { enough: false, interval: [0, 0] };
  const [low, high] = shareBelow(independent, rank);
  return { enough: true, interval: [1 - high, 1 - low] };
}

/**
 * The area under the receiver operating characteristic: how probably an unknown picture scores higher than a known one, ties counting
 * half. Source: Hanley and McNeil, Radiology 143 (1982), 29–36; by ranks, as the Mann–Whitney statistic.
 */
export function areaUnderRoc(known: ArrayLike<number>, unknown: ArrayLike<number>): number {
  const all = [
    ...Array.from(known, (score) => ({ score, isUnknown: 0 })),
    ...Array.from(unknown, (score) => ({ score, isUnknown: 1 })),
  ].sort((a, b) => a.score - b.score);
  let rankSum = 0;
  for (let from = 0; from < all.length; ) {
    let to = from;
    while (to < all.length && all[to]!.score === all[from]!.score) to++;
    const rank = (from + 1 + to) / 2;
    for (let i = from; i < to; i++) rankSum += all[i]!.isUnknown * rank;
    from = to;
  }
  const count = unknown.length;
  return (rankSum - (count * (count + 1)) / 2) / (count * known.length);
}
