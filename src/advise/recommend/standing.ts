/**
 * From what each network answered to the pictures that it saw, the expected accuracy of all, their order, and which is to be
 * recommended. Pure: networks are names with figures here.
 */
import { groupedInterval, type Interval } from "../../evaluate/interval.ts";
import { pairedDifference } from "../statistics/paired.ts";

/** Answers to the first `pictures` of the gallery. */
export interface Answers {
  readonly pictures: number;
  /** One entry a readable picture, 1 where right. */
  readonly correct: ArrayLike<number>;
  /** The group of each, for the intervals. Default: each stands alone. */
  readonly groups?: ArrayLike<number> | undefined;
  readonly logLoss: number;
}

export interface Entrant {
  readonly name: string;
  /** By the pictures looked at; of networks that dropped out, of the rungs that they were in. */
  readonly answers: readonly Answers[];
  readonly latencyMs: number;
}

/** Where a network stands. */
export interface Standing {
  readonly name: string;
  /** Of a probe on all pictures that any network saw, in [0, 1]. */
  readonly accuracy: number;
  readonly interval: Interval;
  /** Pictures that it was judged on. */
  readonly pictures: number;
  /** Whether the pictures cannot tell it from the leader. */
  readonly isTied: boolean;
  /** Points (as a share) by which the leader is more accurate, on the pictures that both saw. */
  readonly behind: number;
}

export interface Verdict {
  /** Best first. */
  readonly standings: readonly Standing[];
  /** Nothing where no network beats always naming the most frequent class. */
  readonly recommended: string | undefined;
  readonly why: Why;
}

/** The grounds of a recommendation; words are made of it elsewhere. */
export type Why =
  | { readonly kind: "nothing-learned" }
  | { readonly kind: "best"; readonly second: string | undefined; readonly lead: number }
  | { readonly kind: "tied"; readonly others: readonly string[] }
  /** As accurate as can be told, and so many times as fast as the leader. */
  | { readonly kind: "cheaper"; readonly leader: string; readonly faster: number; readonly behind: number };

/** A network this little behind, as a share, may be recommended for its speed… */
const NEGLIGIBLE = 0.0025;
/** …where it is at least so many times as fast… */
const CLEARLY_FASTER = 1.5;
/** …and its log loss, which sees more than accuracies of few pictures do, is at most so many times the leader's. */
const LIKE_LOG_LOSS = 1.03;

const share = ({ correct }: Answers): number => {
  let right = 0;
  for (let i = 0; i < correct.length; i++) right += correct[i]!;
  return right / correct.length;
};

/**
 * Orders networks and recommends one.
 *
 * @param baseline the share of the most frequent class
 */
export function standingsOf(entrants: readonly Entrant[], baseline: number): Verdict {
  const leader = leaderOf(entrants);
  const last = leader.answers.at(-1)!;
  const standings = entrants.map((entrant) => standingOf(entrant, leader, last)).sort(byAccuracy);
  const names = new Map(entrants.map((entrant) => [entrant.name, entrant]));
  const beats = beatsBaseline(last, baseline, entrants.length);
  if (!beats) return { standings, recommended: undefined, why: { kind: "nothing-learned" } };
  const cheaper = standings
    .filter(({ name, behind, isTied }) => name !== leader.name && isTied && behind <= NEGLIGIBLE)
    .filter(({ name }) => names.get(name)!.latencyMs * CLEARLY_FASTER <= leader.latencyMs)
    .filter(({ name }) => {
      const own = names.get(name)!.answers.at(-1)!;
      const both = leader.answers.find(({ pictures }) => pictures === own.pictures) ?? last;
      return own.logLoss <= LIKE_LOG_LOSS * both.logLoss;
    })
    .sort((a, b) => names.get(a.name)!.latencyMs - names.get(b.name)!.latencyMs)[0];
  const others = standings.filter(({ name, isTied }) => isTied && name !== leader.name).map(({ name }) => name);
  if (cheaper)
    return {
      standings,
      recommended: cheaper.name,
      why: {
        kind: "cheaper",
        leader: leader.name,
        faster: leader.latencyMs / names.get(cheaper.name)!.latencyMs,
        behind: cheaper.behind,
      },
    };
  if (others.length > 0) return { standings, recommended: leader.name, why: { kind: "tied", others } };
  const second = standings.find(({ name }) => name !== leader.name);
  return {
    standings,
    recommended: leader.name,
    why: { kind: "best", second: second?.name, lead: second?.behind ?? 0 },
  };
}

/** The most accurate of those that saw the most pictures; of equals the one with the least log loss. */
function leaderOf(entrants: readonly Entrant[]): Entrant {
  const most = Math.max(...entrants.map(({ answers }) => answers.at(-1)!.pictures));
  const finalists = entrants.filter(({ answers }) => answers.at(-1)!.pictures === most);
  return finalists.reduce((best, one) => (isBetter(one.answers.at(-1)!, best.answers.at(-1)!) ? one : best));
}

/** Whether answers to the same pictures are better: by accuracy, among equals by log loss. */
export const isBetter = (a: Answers, b: Answers): boolean => {
  const [own, other] = [share(a), share(b)];
  return own !== other ? own > other : a.logLoss < b.logLoss;
};

function standingOf({ name, answers }: Entrant, leader: Entrant, last: Answers): Standing {
  const own = answers.at(-1)!;
  const total = own.correct.length;
  if (name === leader.name) {
    const interval = groupedInterval(own.correct, own.groups);
    return { name, accuracy: share(own), interval, pictures: total, isTied: true, behind: 0 };
  }
  // Compared where both were judged on the same pictures, however many more the leader saw afterwards.
  const both = leader.answers.find(({ pictures }) => pictures === own.pictures) ?? last;
  const { mean, interval } = pairedDifference(both.correct, own.correct, own.groups);
  const isTied = interval[0] <= 0;
  if (own.pictures === last.pictures) {
    const wilson = groupedInterval(own.correct, own.groups);
    return { name, accuracy: share(own), interval: wilson, pictures: total, isTied, behind: mean };
  }
  const accuracy = clamp(share(last) - mean);
  const [low, high] = groupedInterval(last.correct, last.groups);
  // Both are uncertain, independently enough: what the leader will reach, and how far it is ahead.
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

const byAccuracy = (a: Standing, b: Standing): number => b.accuracy - a.accuracy || a.behind - b.behind;

/** Whether the best of several networks is better than no network; the more were tried, the surer it must be. */
function beatsBaseline(answers: Answers, baseline: number, tried: number): boolean {
  const [low] = groupedInterval(answers.correct, answers.groups, 1 - 0.05 / tried);
  return low > baseline;
}
