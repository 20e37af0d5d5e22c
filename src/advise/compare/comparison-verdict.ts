/** Decides which strategy to take, from the runs of all: evidence in, a verdict with its supporting interval out. Pure. */

import { mean } from "../../base/collections.ts";
import { accuracyInterval, type Interval, pairedDifference, Z95 } from "../../metrics/intervals.ts";
import { accuracyOf, isTrained, type Run, type Strategy, unitsOf } from "./comparison-runs.ts";
import type { Outlook } from "./training-ladder.ts";

/** How far one strategy is ahead of another on the same images. */
export interface Lead {
  readonly road: Strategy;
  readonly over: Strategy;
  /** Difference of the accuracies, as a share. */
  readonly mean: number;
  /** 95%. */
  readonly interval: Interval;
  /** The lead on each split. */
  readonly bySeed: readonly number[];
}

/** A lead with fewer images. */
export interface Sooner extends Lead {
  readonly pictures: number;
  /** The number of all images. */
  readonly of: number;
}

export type ComparisonVerdict =
  | {
      readonly verdict: "transfer" | "fine-tune" | "scratch";
      readonly leads: readonly Lead[];
      /** Set if strategies are alike with all images, and the lead with fewer decided. */
      readonly sooner?: Sooner | undefined;
      /** The probe's accuracy, if it is too high for a gain that would be worth longer training. */
      readonly nearMaximum?: number | undefined;
    }
  | {
      readonly verdict: "undecided";
      readonly why: Undecided;
      readonly leads: readonly Lead[];
      /** Strategies that could still win with more training. */
      readonly open: readonly Strategy[];
    };

/** Why there is no verdict. */
export type Undecided = "too-few" | "nothing-learned" | "alike" | "untrained";

/** The outlook of each strategy on all images; one that is missing has not started. */
export type Outlooks = Partial<Readonly<Record<Strategy, Pick<Outlook, "flattened" | "couldReach">>>>;

/** The minimum number of different evaluation images for a verdict. */
export const FEWEST_EVALUATED = 20;
/**
 * A lead below this share is not worth longer training. The network from scratch, which takes several times as long, must be ahead of the
 * probe by more than this with confidence; and the probe is taken if it is behind by less than this with confidence.
 */
export const NEGLIGIBLE = 0.02;

/** The verdict for each strategy. */
const verdicts = { probe: "transfer", "fine-tune": "fine-tune", scratch: "scratch" } as const;

/**
 * Decides between strategies by their runs on all images. A verdict requires that no other strategy could win with more training: each is
 * trained until its curve has flattened, or clearly beaten.
 *
 * @param pictures number of images of a full run: smaller runs decide nothing, since curves may cross
 * @param baseline the share of the most frequent class
 */
export function decide(
  runs: readonly Run[],
  pictures: number,
  baseline: number,
  outlooks: Outlooks,
): ComparisonVerdict {
  const full = runs.filter((run) => run.pictures === pictures);
  const present = (["probe", "fine-tune", "scratch"] as const).filter((strategy) =>
    full.some((run) => run.strategy === strategy),
  );
  const leads = present.flatMap((strategy) =>
    present.filter((over) => over !== strategy).map((over) => leadOf(full, strategy, over)),
  );
  const evaluated = new Set(full.flatMap(unitsOf)).size;
  const accuracy = (strategy: Strategy): number =>
    mean(full.filter((run) => run.strategy === strategy).map(accuracyOf));
  const undecided = (why: Undecided, open: readonly Strategy[]): ComparisonVerdict => ({
    verdict: "undecided",
    why,
    leads,
    open,
  });
  if (present.length > 0 && evaluated < FEWEST_EVALUATED) return undecided("too-few", []);
  if (present.length > 0 && !present.some((strategy) => beatsBaseline(full, strategy, baseline, present.length)))
    return undecided("nothing-learned", couldWin(outlooks, baseline));

  if (!present.includes("probe")) return undecided("untrained", couldWin(outlooks, 0));
  const probe = accuracy("probe");
  const found: Found | undefined =
    probe < 1 - NEGLIGIBLE ? favourite(runs, pictures, present, leads) : { verdict: "transfer", nearMaximum: probe };
  const leader = found ? strategyOf(found.verdict) : undefined;
  const best = leader ? accuracy(leader) : Math.max(...present.map(accuracy));
  const open = couldWin(outlooks, best, leader);
  if (open.length > 0) return undecided("untrained", open);
  return found ? { ...found, leads } : undecided("alike", []);
}

/** Strategies that could still exceed an accuracy by more than the negligible lead with more training; the leader is excluded. */
function couldWin(outlooks: Outlooks, accuracy: number, leader?: Strategy): Strategy[] {
  if (accuracy >= 1 - NEGLIGIBLE) return [];
  return (["fine-tune", "scratch"] as const).filter((strategy) => {
    const { flattened = false, couldReach = 1 } = outlooks[strategy] ?? {};
    return strategy !== leader && !flattened && couldReach > accuracy + NEGLIGIBLE;
  });
}

interface Found {
  readonly verdict: "transfer" | "fine-tune" | "scratch";
  readonly sooner?: Sooner | undefined;
  readonly nearMaximum?: number | undefined;
}

/** The verdict by the runs so far, whether or not more training could change it. */
function favourite(
  runs: readonly Run[],
  pictures: number,
  present: readonly Strategy[],
  leads: readonly Lead[],
): Found | undefined {
  const lead = (strategy: Strategy, over: Strategy): Lead | undefined =>
    leads.find((one) => one.road === strategy && one.over === over);
  const isAhead = (strategy: Strategy, over: Strategy): boolean => (lead(strategy, over)?.interval[0] ?? -1) > 0;
  const isHardlyBehind = (strategy: Strategy, over: Strategy): boolean =>
    (lead(over, strategy)?.interval[1] ?? 1) < NEGLIGIBLE;

  // Of strategies that are clearly ahead of the probe, the more accurate is taken.
  const challengers = present.filter((strategy) => (lead(strategy, "probe")?.interval[0] ?? -1) > NEGLIGIBLE);
  const [best] = challengers.sort((a, b) => lead(b, "probe")!.mean - lead(a, "probe")!.mean);
  if (best) return { verdict: verdicts[best] };
  if (isAhead("probe", "scratch") || isAhead("fine-tune", "scratch")) return { verdict: "transfer" };
  if (isHardlyBehind("probe", "scratch")) return { verdict: "transfer" };
  const sooner = isAhead("scratch", "probe") ? undefined : leadWithFewer(runs, pictures);
  return sooner && sooner.interval[0] > 0 ? { verdict: "transfer", sooner } : undefined;
}

const strategyOf = (verdict: Found["verdict"]): Strategy => (verdict === "transfer" ? "probe" : verdict);

/** The probe's lead over the network from scratch with fewer images: at the size with the most runs, and of equals the largest size. */
function leadWithFewer(runs: readonly Run[], pictures: number): Sooner | undefined {
  const counts = new Map<number, number>();
  for (const run of runs) {
    const { strategy, pictures: size } = run;
    if (strategy === "scratch" && size < pictures && isTrained(run)) counts.set(size, (counts.get(size) ?? 0) + 1);
  }
  const [most] = [...counts].sort(([a, m], [b, n]) => n - m || b - a);
  if (!most) return undefined;
  const [size] = most;
  const own = runs.filter((run) => run.pictures === size && isTrained(run));
  return { ...leadOf(own, "probe", "scratch"), pictures: size, of: pictures };
}

/**
 * The lead of a strategy over another where both learned from and were evaluated on the same images. An image that was evaluated several
 * times counts once, with its mean, and so do images of one group. If splits contradict each other, with one clearly ahead and one clearly
 * behind, the spread between splits replaces the images' if it is wider. If none does, they differ only in the size of the lead:
 * fine-tuning, which falls back to the probe where it fails, may gain nothing on one of them.
 */
export function leadOf(runs: readonly Run[], strategy: Strategy, over: Strategy): Lead {
  const differences = new Map<number, number[]>();
  const bySplit: ReturnType<typeof pairedDifference>[] = [];
  for (const a of runs.filter((run) => run.strategy === strategy)) {
    const b = runs.find((run) => run.strategy === over && run.seed === a.seed && run.pictures === a.pictures);
    if (!b) continue;
    unitsOf(a).forEach((unit, i) => {
      differences.set(unit, [...(differences.get(unit) ?? []), a.correct[i]! - b.correct[i]!]);
    });
    bySplit.push(pairedDifference(a.correct, b.correct, a.groups));
  }
  const bySeed = bySplit.map((split) => split.mean);
  if (differences.size === 0) return { road: strategy, over, mean: 0, interval: [-1, 1], bySeed };
  const { centre, error } = estimate([...differences.values()].map(mean));
  const contradict = bySplit.some(({ interval }) => interval[0] > 0) && bySplit.some(({ interval }) => interval[1] < 0);
  const reach = Z95 * Math.max(error, contradict ? spreadOf(bySeed) : 0);
  return {
    ...{ road: strategy, over, mean: mean(bySeed), bySeed },
    interval: [Math.max(-1, centre - reach), Math.min(1, centre + reach)],
  };
}

/**
 * The mean of differences, one per image, and its standard error: {@link pairedDifference} for images that were evaluated more than once
 * and so have fractions. Two added pseudo-images, one for each side, keep the interval from vanishing.
 */
function estimate(differences: readonly number[]): { readonly centre: number; readonly error: number } {
  const all = [...differences, 1, -1];
  const centre = mean(all);
  return { centre, error: Math.sqrt(mean(all.map((value) => (value - centre) ** 2)) / all.length) };
}

/** The standard error of the mean over splits, from their variance. */
function spreadOf(values: readonly number[]): number {
  const centre = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1) / values.length);
}

/** Whether a strategy beats always predicting the most frequent class, with a confidence that accounts for the number of strategies. */
function beatsBaseline(runs: readonly Run[], strategy: Strategy, baseline: number, tried: number): boolean {
  const own = runs.filter((run) => run.strategy === strategy);
  const evaluated = new Set(own.flatMap(unitsOf)).size;
  const accuracy = own.reduce((sum, run) => sum + accuracyOf(run), 0) / own.length;
  const [low] = accuracyInterval(Math.round(accuracy * evaluated), evaluated, 1 - 0.05 / tried);
  return low > baseline;
}
