/** Which strategy to take, from what all of them answered. Pure: the evidence in, a verdict with the interval that backs it out. */

import { mean } from "../../base/statistics.ts";
import { accuracyInterval, type Interval } from "../../evaluate/interval.ts";
import { pairedDifference, Z95 } from "../statistics/paired.ts";
import type { Outlook } from "./ladder.ts";
import { accuracyOf, isTrained, type Run, type Strategy, unitsOf } from "./run.ts";

/** How far one strategy is ahead of another on the same images. */
export interface Lead {
  readonly road: Strategy;
  readonly over: Strategy;
  /** Difference of accuracies as a share. */
  readonly mean: number;
  /** 95%. */
  readonly interval: Interval;
  /** The lead of each split of the images. */
  readonly bySeed: readonly number[];
}

/** A lead with some of the images. */
export interface Sooner extends Lead {
  readonly pictures: number;
  /** All of them. */
  readonly of: number;
}

export type Verdict =
  | {
      readonly verdict: "transfer" | "fine-tune" | "scratch";
      readonly leads: readonly Lead[];
      /** Where strategies are alike with all images, and the lead with fewer decided. */
      readonly sooner?: Sooner | undefined;
      /** The probe's accuracy, where it leaves nothing that would be worth a longer strategy. */
      readonly noRoom?: number | undefined;
    }
  | {
      readonly verdict: "undecided";
      readonly why: Undecided;
      readonly leads: readonly Lead[];
      /** Strategies that have not had their chance: more training could still make them win. */
      readonly open: readonly Strategy[];
    };

/** Why there is no verdict. */
export type Undecided = "too-few" | "nothing-learned" | "alike" | "untrained";

/** How far the training of strategies on all images has come; one that is not there has not started. */
export type Outlooks = Partial<Readonly<Record<Strategy, Pick<Outlook, "flattened" | "couldReach">>>>;

/** On fewer different images than this nothing is decided, however clear it seems. */
export const FEWEST_JUDGED = 20;
/**
 * A lead below this share is not worth a longer strategy: what learns from scratch, and takes several times as long, must surely be further ahead of
 * the probe; and the probe is taken where it surely is not further behind.
 */
export const NEGLIGIBLE = 0.02;

/** What each strategy is called when it is the verdict. */
const verdicts = { probe: "transfer", "fine-tune": "fine-tune", scratch: "scratch" } as const;

/**
 * Decides between strategies by their runs on all images. A verdict needs every other strategy to have had its chance: trained until its
 * curve has flattened, or beaten beyond doubt.
 *
 * @param pictures of a run on all that may be learned from: smaller ones decide nothing, for curves may cross
 * @param baseline the share of the most frequent class
 */
export function decide(runs: readonly Run[], pictures: number, baseline: number, outlooks: Outlooks): Verdict {
  const full = runs.filter((run) => run.pictures === pictures);
  const present = (["probe", "fine-tune", "scratch"] as const).filter((road) => full.some((run) => run.road === road));
  const leads = present.flatMap((road) =>
    present.filter((over) => over !== road).map((over) => leadOf(full, road, over)),
  );
  const judged = new Set(full.flatMap(unitsOf)).size;
  const accuracy = (road: Strategy): number => mean(full.filter((run) => run.road === road).map(accuracyOf));
  const undecided = (why: Undecided, open: readonly Strategy[]): Verdict => ({
    verdict: "undecided",
    why,
    leads,
    open,
  });
  if (present.length > 0 && judged < FEWEST_JUDGED) return undecided("too-few", []);
  if (present.length > 0 && !present.some((road) => beatsBaseline(full, road, baseline, present.length)))
    return undecided("nothing-learned", couldWin(outlooks, baseline));

  if (!present.includes("probe")) return undecided("untrained", couldWin(outlooks, 0));
  const probe = accuracy("probe");
  const found: Found | undefined =
    probe < 1 - NEGLIGIBLE ? favourite(runs, pictures, present, leads) : { verdict: "transfer", noRoom: probe };
  const leader = found ? strategyOf(found.verdict) : undefined;
  const best = leader ? accuracy(leader) : Math.max(...present.map(accuracy));
  const open = couldWin(outlooks, best, leader);
  if (open.length > 0) return undecided("untrained", open);
  return found ? { ...found, leads } : undecided("alike", []);
}

/** Strategies that train and could still be ahead of an accuracy by more than is negligible; the leader itself has no need to. */
function couldWin(outlooks: Outlooks, accuracy: number, leader?: Strategy): Strategy[] {
  if (accuracy >= 1 - NEGLIGIBLE) return [];
  return (["fine-tune", "scratch"] as const).filter((road) => {
    const { flattened = false, couldReach = 1 } = outlooks[road] ?? {};
    return road !== leader && !flattened && couldReach > accuracy + NEGLIGIBLE;
  });
}

interface Found {
  readonly verdict: "transfer" | "fine-tune" | "scratch";
  readonly sooner?: Sooner | undefined;
  readonly noRoom?: number | undefined;
}

/** The verdict as the runs stand, whether or not all have had their chance. */
function favourite(
  runs: readonly Run[],
  pictures: number,
  present: readonly Strategy[],
  leads: readonly Lead[],
): Found | undefined {
  const lead = (road: Strategy, over: Strategy): Lead | undefined =>
    leads.find((one) => one.road === road && one.over === over);
  const isAhead = (road: Strategy, over: Strategy): boolean => (lead(road, over)?.interval[0] ?? -1) > 0;
  const isBehindByLittle = (road: Strategy, over: Strategy): boolean =>
    (lead(over, road)?.interval[1] ?? 1) < NEGLIGIBLE;

  // Between two that are surely and clearly ahead of the probe, the more accurate is taken.
  const challengers = present.filter((road) => (lead(road, "probe")?.interval[0] ?? -1) > NEGLIGIBLE);
  const [best] = challengers.sort((a, b) => lead(b, "probe")!.mean - lead(a, "probe")!.mean);
  if (best) return { verdict: verdicts[best] };
  if (isAhead("probe", "scratch") || isAhead("fine-tune", "scratch")) return { verdict: "transfer" };
  if (isBehindByLittle("probe", "scratch")) return { verdict: "transfer" };
  const sooner = isAhead("scratch", "probe") ? undefined : leadWithFewer(runs, pictures);
  return sooner && sooner.interval[0] > 0 ? { verdict: "transfer", sooner } : undefined;
}

const strategyOf = (verdict: Found["verdict"]): Strategy => (verdict === "transfer" ? "probe" : verdict);

/** How far the probe is ahead of the network from scratch with fewer images: where most runs were made, of equals the most. */
function leadWithFewer(runs: readonly Run[], pictures: number): Sooner | undefined {
  const counts = new Map<number, number>();
  for (const run of runs) {
    const { road, pictures: size } = run;
    if (road === "scratch" && size < pictures && isTrained(run)) counts.set(size, (counts.get(size) ?? 0) + 1);
  }
  const [most] = [...counts].sort(([a, m], [b, n]) => n - m || b - a);
  if (!most) return undefined;
  const [size] = most;
  const own = runs.filter((run) => run.pictures === size && isTrained(run));
  return { ...leadOf(own, "probe", "scratch"), pictures: size, of: pictures };
}

/**
 * How far a strategy is ahead of another where both learned from and were judged on the same images. An image that was judged several
 * times counts once, with its mean, and so do images of one group. Where splits contradict each other, one surely ahead and one surely behind, their spread counts
 * instead of the images' if it is wider. Where none does, it is only in the size of the lead that they differ: fine-tuning, which
 * keeps the probe where it fails, may gain nothing in one of them.
 */
export function leadOf(runs: readonly Run[], road: Strategy, over: Strategy): Lead {
  const pictures = new Map<number, number[]>();
  const dealings: ReturnType<typeof pairedDifference>[] = [];
  for (const a of runs.filter((run) => run.road === road)) {
    const b = runs.find((run) => run.road === over && run.seed === a.seed && run.pictures === a.pictures);
    if (!b) continue;
    unitsOf(a).forEach((unit, i) => {
      pictures.set(unit, [...(pictures.get(unit) ?? []), a.correct[i]! - b.correct[i]!]);
    });
    dealings.push(pairedDifference(a.correct, b.correct, a.groups));
  }
  const bySeed = dealings.map((dealing) => dealing.mean);
  if (pictures.size === 0) return { road, over, mean: 0, interval: [-1, 1], bySeed };
  const { centre, error } = estimate([...pictures.values()].map(mean));
  const contradict =
    dealings.some(({ interval }) => interval[0] > 0) && dealings.some(({ interval }) => interval[1] < 0);
  const reach = Z95 * Math.max(error, contradict ? spreadOf(bySeed) : 0);
  return {
    ...{ road, over, mean: mean(bySeed), bySeed },
    interval: [Math.max(-1, centre - reach), Math.min(1, centre + reach)],
  };
}

/**
 * The mean of differences, one per image, and its standard error: {@link pairedDifference} where images were judged more than once,
 * and so have fractions. Its two made-up images, one for each side, keep the interval from vanishing.
 */
function estimate(differences: readonly number[]): { readonly centre: number; readonly error: number } {
  const all = [...differences, 1, -1];
  const centre = mean(all);
  return { centre, error: Math.sqrt(mean(all.map((value) => (value - centre) ** 2)) / all.length) };
}

/** The standard error of a mean of several splits, by how they differ. */
function spreadOf(values: readonly number[]): number {
  const centre = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1) / values.length);
}

/** Whether a strategy is surely better than always naming the most frequent class; the more strategies, the surer it must be. */
function beatsBaseline(runs: readonly Run[], road: Strategy, baseline: number, tried: number): boolean {
  const own = runs.filter((run) => run.road === road);
  const judged = new Set(own.flatMap(unitsOf)).size;
  const accuracy = own.reduce((sum, run) => sum + accuracyOf(run), 0) / own.length;
  const [low] = accuracyInterval(Math.round(accuracy * judged), judged, 1 - 0.05 / tried);
  return low > baseline;
}
