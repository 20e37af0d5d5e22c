/** The threshold of an out-of-distribution score for a chosen false alarm rate, and how well a score separates known from unknown. */

import { tally } from "../base/collections.ts";
import { dataError } from "../base/errors.ts";
import type { Groups } from "../data/dataset/split.ts";
import type { Interval } from "./accuracy-interval.ts";
import { rankFor, shareBelow } from "./conformal.ts";

/** The default share of images like the training images that may be called unknown. */
export const FALSE_ALARM_RATE = 0.05;

/** A threshold of the out-of-distribution score, and how many images it was fitted on. */
export interface OodThreshold {
  /** Undefined if there are too few images for the rate: then no image is called unknown. */
  readonly threshold: number | undefined;
  /** Independent images: those of one group count as one. */
  readonly independent: number;
}

/**
 * Fits the threshold that at most a share `rate` of new known images exceeds, by the finite-sample quantile of conformal prediction:
 * the ⌈(n + 1)(1 − rate)⌉-th smallest of n scores. A rate of 5% needs 19 images. Members of a group share the weight of one image
 * (Lee, Barber and Willett, "Distribution-free inference with hierarchical data", arXiv 2306.06342).
 *
 * @param scores `[N]` of known images that the score was not fitted on
 * @param groups `[N]`: the group of each image; `undefined`: all are independent
 * @throws GraftError (`data`) if there are no images
 */
export function fitOodThreshold(scores: ArrayLike<number>, groups: Groups, rate = FALSE_ALARM_RATE): OodThreshold {
  if (scores.length === 0) throw dataError("No images to fit the threshold for unknown images on: add images.");
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

/** The false alarm rate that a threshold guarantees, given how many images it was fitted on. */
export interface FalseAlarmGuarantee {
  /** Whether there are enough images for the rate. If not, no image is called unknown. */
  readonly enough: boolean;
  /** The 95% range of the true false alarm rate over repeated fits on as many images. */
  readonly interval: Interval;
}

/** The guarantee of a threshold for `rate`; `independent` as in {@link OodThreshold}. */
export function falseAlarmGuarantee(independent: number, rate: number): FalseAlarmGuarantee {
  const rank = rankFor(independent, 1 - rate);
  if (rank > independent) return { enough: false, interval: [0, 0] };
  const [low, high] = shareBelow(independent, rank);
  return { enough: true, interval: [1 - high, 1 - low] };
}

/**
 * The area under the receiver operating characteristic: the probability that an unknown image scores higher than a known one, ties
 * counting half. Source: Hanley and McNeil, Radiology 143 (1982), 29–36; by ranks, as the Mann–Whitney statistic.
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
