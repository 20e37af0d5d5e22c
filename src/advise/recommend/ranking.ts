/**
 * Ranks networks by their probe results, estimates the accuracy of all, and recommends one; with the Pareto front and rank correlation.
 * Pure: networks are names with figures.
 */
import { groupedInterval, type Interval, pairedDifference } from "../../metrics/intervals.ts";

/** The points that no other dominates, being at least as good in all `costs` (smaller is better) and better in one. */
export function paretoFront<T>(points: readonly T[], costs: readonly ((point: T) => number)[]): readonly T[] {
  const dominates = (a: T, b: T): boolean =>
    costs.every((cost) => cost(a) <= cost(b)) && costs.some((cost) => cost(a) < cost(b));
  return points.filter((point) => !points.some((other) => dominates(other, point)));
}

// The agreement of two rankings of the same items.

/** Ranks from 1 in ascending order; equals share their mean rank. */
function ranks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const result = new Array<number>(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let i = from; i < to; i++) result[order[i]!] = (from + to + 1) / 2;
    from = to;
  }
  return result;
}

/**
 * Spearman's rank correlation, −1 to 1; equals share their mean rank. Undefined if all values of one side are equal.
 * Source: C. Spearman 1904; with ties as Pearson's correlation of the ranks.
 */
export function rankCorrelation(a: readonly number[], b: readonly number[]): number | undefined {
  const [x, y] = [ranks(a), ranks(b)];
  const mean = (a.length + 1) / 2;
  const product = (p: readonly number[], q: readonly number[]): number =>
    p.reduce((sum, value, i) => sum + (value - mean) * (q[i]! - mean), 0);
  const scale = Math.sqrt(product(x, x) * product(y, y));
  return scale > 0 ? product(x, y) / scale : undefined;
}

// The ranking, by the probe results on the images that each network saw.

/** A probe's results on the first `images` of the sample. */
export interface RungResult {
  readonly images: number;
  /** One entry per readable image, 1 if correct. */
  readonly correct: ArrayLike<number>;
  /** The group of each image, for the intervals. Default: each image is its own group. */
  readonly groups?: ArrayLike<number> | undefined;
  readonly logLoss: number;
}

export interface NetworkResults {
  readonly name: string;
  /** In ascending number of images; of networks that dropped out, the rungs that they took part in. */
  readonly rungs: readonly RungResult[];
  readonly latencyMs: number;
}

/** A network's place in the ranking. */
export interface RankedNetwork {
  readonly name: string;
  /** Accuracy of a probe on all images that any network saw, in [0, 1]. */
  readonly accuracy: number;
  readonly interval: Interval;
  /** Images of its evaluation. */
  readonly pictures: number;
  /** Whether it cannot be distinguished from the leader on these images. */
  readonly isTied: boolean;
  /** The leader's lead on the images that both saw, as a share. */
  readonly behind: number;
}

export interface Ranking {
  /** Best first. */
  readonly networks: readonly RankedNetwork[];
  /** Undefined if no network beats always predicting the most frequent class. */
  readonly recommended: string | undefined;
  readonly why: RankingReason;
}

/** The reason for a recommendation; `reasonFor` makes its text. */
export type RankingReason =
  | { readonly kind: "nothing-learned" }
  | { readonly kind: "best"; readonly second: string | undefined; readonly lead: number }
  | { readonly kind: "tied"; readonly others: readonly string[] }
  /** Not measurably less accurate than the leader, and `faster` times as fast. */
  | { readonly kind: "cheaper"; readonly leader: string; readonly faster: number; readonly behind: number };

/** A network behind by at most this share may be recommended for its speed… */
const NEGLIGIBLE = 0.0025;
/** …if it is at least this many times as fast… */
const CLEARLY_FASTER = 1.5;
/** …and its log loss, which is more sensitive than the accuracy on few images, is at most this many times the leader's. */
const LIKE_LOG_LOSS = 1.03;

const share = ({ correct }: RungResult): number => {
  let right = 0;
  for (let i = 0; i < correct.length; i++) right += correct[i]!;
  return right / correct.length;
};

/**
 * Ranks networks and recommends one.
 *
 * @param baseline the share of the most frequent class
 */
export function rankNetworks(results: readonly NetworkResults[], baseline: number): Ranking {
  const leader = leaderOf(results);
  const last = leader.rungs.at(-1)!;
  const networks = results.map((result) => rankedNetworkOf(result, leader, last)).sort(byAccuracy);
  const names = new Map(results.map((result) => [result.name, result]));
  const beats = beatsBaseline(last, baseline, results.length);
  if (!beats) return { networks, recommended: undefined, why: { kind: "nothing-learned" } };
  const cheaper = networks
    .filter(({ name, behind, isTied }) => name !== leader.name && isTied && behind <= NEGLIGIBLE)
    .filter(({ name }) => names.get(name)!.latencyMs * CLEARLY_FASTER <= leader.latencyMs)
    .filter(({ name }) => {
      const own = names.get(name)!.rungs.at(-1)!;
      const both = leader.rungs.find(({ images }) => images === own.images) ?? last;
      return own.logLoss <= LIKE_LOG_LOSS * both.logLoss;
    })
    .sort((a, b) => names.get(a.name)!.latencyMs - names.get(b.name)!.latencyMs)[0];
  const others = networks.filter(({ name, isTied }) => isTied && name !== leader.name).map(({ name }) => name);
  if (cheaper)
    return {
      networks,
      recommended: cheaper.name,
      why: {
        kind: "cheaper",
        leader: leader.name,
        faster: leader.latencyMs / names.get(cheaper.name)!.latencyMs,
        behind: cheaper.behind,
      },
    };
  if (others.length > 0) return { networks, recommended: leader.name, why: { kind: "tied", others } };
  const second = networks.find(({ name }) => name !== leader.name);
  return {
    networks,
    recommended: leader.name,
    why: { kind: "best", second: second?.name, lead: second?.behind ?? 0 },
  };
}

/** The most accurate of the networks that saw the most images; of equals the one with the lowest log loss. */
function leaderOf(results: readonly NetworkResults[]): NetworkResults {
  const most = Math.max(...results.map(({ rungs }) => rungs.at(-1)!.images));
  const finalists = results.filter(({ rungs }) => rungs.at(-1)!.images === most);
  return finalists.reduce((best, one) => (isBetter(one.rungs.at(-1)!, best.rungs.at(-1)!) ? one : best));
}

/** Whether a result on the same images is better: by accuracy, of equals by log loss. */
export const isBetter = (a: RungResult, b: RungResult): boolean => {
  const [own, other] = [share(a), share(b)];
  return own !== other ? own > other : a.logLoss < b.logLoss;
};

function rankedNetworkOf({ name, rungs }: NetworkResults, leader: NetworkResults, last: RungResult): RankedNetwork {
  const own = rungs.at(-1)!;
  const total = own.correct.length;
  if (name === leader.name) {
    const interval = groupedInterval(own.correct, own.groups);
    return { name, accuracy: share(own), interval, pictures: total, isTied: true, behind: 0 };
  }
  // Compared on the images that both saw, however many more the leader saw later.
  const both = leader.rungs.find(({ images }) => images === own.images) ?? last;
  const { mean, interval } = pairedDifference(both.correct, own.correct, own.groups);
  const isTied = interval[0] <= 0;
  if (own.images === last.images) {
    const wilson = groupedInterval(own.correct, own.groups);
    return { name, accuracy: share(own), interval: wilson, pictures: total, isTied, behind: mean };
  }
  const accuracy = clamp(share(last) - mean);
  const [low, high] = groupedInterval(last.correct, last.groups);
  // The leader's accuracy and its lead are uncertain, nearly independently.
  const reach = Math.hypot((high - low) / 2, (interval[1] - interval[0]) / 2);
  return {
    name,
    accuracy,
    interval: [clamp(accuracy - reach), clamp(accuracy + reach)],
    pictures: total,
    isTied,
    behind: mean,
  };
}

const clamp = (value: number): number => Math.min(1, Math.max(0, value));

const byAccuracy = (a: RankedNetwork, b: RankedNetwork): number => b.accuracy - a.accuracy || a.behind - b.behind;

/** Whether the best of several networks beats the baseline, with a confidence that accounts for the number of networks. */
function beatsBaseline(result: RungResult, baseline: number, tried: number): boolean {
  const [low] = groupedInterval(result.correct, result.groups, 1 - 0.05 / tried);
  return low > baseline;
}
