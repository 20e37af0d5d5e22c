/**
 * The trainings of a comparison. First every strategy gets its chance on all images of one split: trainings of twice the length, until
 * their curves have flattened or a verdict no longer depends on them. Then come other splits and smaller shares of the images.
 */
import { eitherOf } from "../../base/concurrency.ts";
import type { OnProgress } from "../../base/progress.ts";
import { createLadder, keptOf, type Ladder, type Outlook, outlookOf, type Rung } from "./ladder.ts";
import type { Run, Strategy } from "./run.ts";
import type { Wanted } from "./schedule.ts";
import type { Answered, Prepare, Task } from "./strategies/strategy.ts";
import { decide } from "./verdict.ts";

/** Strategies that train a network, in the order in which they are tried. */
export const trainees = ["scratch", "fine-tune"] as const;
export type TrainedStrategy = (typeof trainees)[number];

/** What may be spent: seconds, or epochs; what is not bounded is Infinity. */
export interface Spending {
  readonly left: () => number;
  /** Of one training on all images. */
  readonly epochs: number;
}

export interface Chances {
  readonly probe: (task: Task) => Promise<Answered>;
  readonly prepare: Readonly<Record<TrainedStrategy, Prepare>>;
  /** The task of a split on so many of its images. */
  readonly task: (wanted: Wanted) => Pick<Task, "learn" | "judged"> & { readonly groups: readonly number[] };
  readonly schedule: readonly Wanted[];
  /** Images of a run on all. */
  readonly pictures: number;
  readonly baseline: number;
  readonly spending: Spending;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly stop?: AbortSignal | undefined;
}

/** How far a strategy came on all images of the first split. */
export interface Progress extends Outlook {
  readonly rungs: readonly Rung[];
}

export interface Made {
  readonly runs: readonly Run[];
  readonly progress: Readonly<Partial<Record<Strategy, Progress>>>;
  readonly leftOut: readonly (Wanted & { readonly road: Strategy })[];
  readonly interrupted: boolean;
}

/** A training starts only where at least this share of the seconds that it needs is left. */
const WORTH_BEGINNING = 0.6;
/** On fewer images a training may take longer until its curve is flat: at most so many doublings from half the epochs. */
const DOUBLINGS_WITH_FEWER = 3;

/** Makes the runs that there are seconds, or epochs, for. */
export async function giveChances(options: Chances): Promise<Made> {
  const runs: Run[] = [];
  const leftOut: (Wanted & { road: Strategy })[] = [];
  const ladders = new Map<TrainedStrategy, Ladder>();
  const { enough, end } = clocksFor(options.spending.left());
  const own: Timed = { ...options, enough, signal: eitherOf(options.signal, end) };
  const made = (interrupted: boolean): Made => ({
    runs: [...firstRuns(own, ladders), ...runs],
    progress: progressOf(ladders),
    leftOut,
    interrupted,
  });
  const pending = options.schedule.flatMap((wanted) => trainees.map((road) => ({ ...wanted, road })));
  try {
    await takeProbes(own, runs);
    await climbAll(own, runs, ladders);
    // While a strategy has not had its chance, more of the same tells nothing.
    const isOpen = openIn(own, runs, ladders).length > 0;
    for (const wanted of pending.splice(0)) {
      const run = isOpen ? undefined : await repeat(own, ladders.get(wanted.road), wanted);
      if (run) runs.push(run);
      else leftOut.push(wanted);
    }
    return made(false);
  } catch (error) {
    if (end?.aborted && error === end.reason) return made(false);
    if (!options.stop?.aborted || error !== options.stop.reason) throw error;
    return made(true);
  }
}

/** What a run hears of the time: `enough` ends a training with what it has, `signal` ends everything. */
interface Timed extends Chances {
  readonly enough: AbortSignal | undefined;
}

/** Longer than this a timer does not run. */
const LONGEST_TIMER = 2 ** 31 - 1;
/** What cannot end after an epoch is given up when the seconds are over by this share, and so many more. */
const [GRACE_SHARE, GRACE_SECONDS] = [0.1, 5];

function clocksFor(seconds: number): { readonly enough?: AbortSignal; readonly end?: AbortSignal } {
  const timer = (after: number): AbortSignal => AbortSignal.timeout(Math.max(0, Math.ceil(1000 * after)));
  const last = seconds * (1 + GRACE_SHARE) + GRACE_SECONDS;
  return 1000 * last > LONGEST_TIMER ? {} : { enough: timer(seconds), end: timer(last) };
}

const taskOf = (
  { task, onProgress, signal }: Chances,
  wanted: Wanted,
): Task & { readonly groups: readonly number[] } => ({
  ...task(wanted),
  ...{ seed: wanted.seed, onProgress, signal },
});

/** The probe on every task: it takes next to no time. */
async function takeProbes(options: Chances, runs: Run[]): Promise<void> {
  for (const wanted of [{ pictures: options.pictures, seed: 0 }, ...options.schedule]) {
    const task = taskOf(options, wanted);
    runs.push({
      ...(await options.probe(task)),
      ...{ road: "probe", pictures: task.learn.length, seed: wanted.seed, judged: task.judged, groups: task.groups },
    });
  }
}

/** Trains in turn the strategy that has had the fewest seconds of those that could still win, until none is left or the time is up. */
async function climbAll(options: Timed, runs: readonly Run[], ladders: Map<TrainedStrategy, Ladder>): Promise<void> {
  const { pictures, baseline, spending } = options;
  const task = taskOf(options, { pictures, seed: 0 });
  for (const road of trainees) {
    const trainee = await options.prepare[road](task);
    // Two trainings at least fit into the epochs, so that one can be held against the other.
    const first = Math.min(trainee.first, Math.max(1, Math.floor(spending.epochs / 2)));
    ladders.set(road, createLadder({ ...trainee, first }, baseline));
  }
  const spent = (road: Strategy): number =>
    sum(ladders.get(road as TrainedStrategy)!.rungs.map(({ seconds }) => seconds));
  for (;;) {
    const open = openIn(options, runs, ladders).filter((road) => {
      const { next } = ladders.get(road as TrainedStrategy)!.outlook();
      return next.epochs <= spending.epochs && WORTH_BEGINNING * next.seconds <= spending.left();
    });
    const [road] = open.toSorted((a, b) => spent(a) - spent(b));
    if (road === undefined) return;
    await ladders.get(road as TrainedStrategy)!.climb(options.enough);
  }
}

/** The strategies that could still win, as all stands now. */
function openIn(
  options: Chances,
  runs: readonly Run[],
  ladders: ReadonlyMap<TrainedStrategy, Ladder>,
): readonly Strategy[] {
  const now = [...firstRuns(options, ladders), ...runs];
  const found = decide(now, options.pictures, options.baseline, progressOf(ladders));
  return found.verdict === "undecided" ? found.open : [];
}

/** One more run of a strategy, trained as long as on the first split; on fewer images, until its curve is flat there too. */
async function repeat(
  options: Timed,
  ladder: Ladder | undefined,
  { road, ...wanted }: Wanted & { readonly road: TrainedStrategy },
): Promise<Run | undefined> {
  const kept = ladder?.kept();
  if (!ladder || !kept) return undefined;
  const { spending, baseline, enough } = options;
  const task = taskOf(options, wanted);
  const share = task.learn.length / options.pictures;
  const isFewer = share < 1;
  if ((isFewer ? 1.5 : 1) * share * kept.seconds > spending.left()) return undefined;
  const trainee = await options.prepare[road](task);
  if (!isFewer) {
    const rung = await trainee.train(kept.epochs, enough);
    return rung.isCut ? undefined : runOf(road, task, rung, ladder.outlook().flattened);
  }
  const rungs: Rung[] = [];
  let epochs = Math.max(1, Math.ceil(kept.epochs / 2));
  for (let doubling = 0; doubling < DOUBLINGS_WITH_FEWER; doubling++) {
    rungs.push(await trainee.train(epochs, enough));
    const { flattened, next } = outlookOf(rungs, baseline, trainee);
    if (flattened || next.seconds > spending.left()) break;
    epochs = next.epochs;
  }
  return runOf(road, task, keptOf(rungs)!, outlookOf(rungs, baseline, trainee).flattened);
}

/** The runs on all images of the first split, as far as they have come. */
function firstRuns(options: Chances, ladders: ReadonlyMap<TrainedStrategy, Ladder>): Run[] {
  const task = taskOf(options, { pictures: options.pictures, seed: 0 });
  return [...ladders].flatMap(([road, ladder]) => {
    const kept = ladder.kept();
    return kept ? [runOf(road, task, kept, ladder.outlook().flattened)] : [];
  });
}

const runOf = (
  road: Strategy,
  { learn, judged, groups, seed }: Task & { readonly groups: readonly number[] },
  { correct, trainAccuracy, seconds, epochs }: Rung,
  flattened: boolean,
): Run => ({
  ...{ road, pictures: learn.length, seed, judged, groups, correct, trainAccuracy, seconds },
  training: { epochs, flattened },
});

const progressOf = (ladders: ReadonlyMap<TrainedStrategy, Ladder>): Made["progress"] =>
  Object.fromEntries([...ladders].map(([road, { rungs, outlook }]) => [road, { rungs, ...outlook() }]));

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
