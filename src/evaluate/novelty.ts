/** Scores of novelty as numbers: the threshold for a chosen rate of false alarms, and how well a score parts known from unknown. */
import { dataError } from "../base/errors.ts";

/** The share of pictures like those trained on that may be called unknown. */
export const FALSE_ALARM_RATE = 0.05;

/**
 * The score that at most a share `rate` of new known pictures exceeds, by the finite-sample quantile of conformal prediction
 * (⌈(n + 1)(1 − rate)⌉-th smallest); above all scores where too few are known for the rate.
 *
 * @param scores of known pictures that the score was not fitted on
 */
export function noveltyThreshold(scores: ArrayLike<number>, rate = FALSE_ALARM_RATE): number {
  if (scores.length === 0) throw dataError("There is no picture to fit a threshold of novelty on: add images.");
  const sorted = Float64Array.from(scores as ArrayLike<number>).sort();
  return sorted[Math.min(sorted.length, Math.ceil((sorted.length + 1) * (1 - rate))) - 1]!;
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
