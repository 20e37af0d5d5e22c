/**
 * The trainings of a comparison. First every strategy trains on all images of one split, each training twice as long as the one before,
 * until its curve has flattened or the verdict no longer depends on it. Then come other splits and smaller shares of the images.
 */
import { eitherOf } from "../../base/concurrency.ts";
import type { OnProgress } from "../../base/progress.ts";
import type { PlannedRun, Run, Strategy } from "./comparison-runs.ts";
import { decide } from "./comparison-verdict.ts";
import type { Prepare, StrategyResult, Task } from "./strategies/probe-strategy.ts";
import { createLadder, keptOf, type Ladder, type Outlook, outlookOf, type Rung } from "./training-ladder.ts";

/** Strategies that train a network, in the order in which they are tried. */
export const trainees = ["scratch", "fine-tune"] as const;
export type TrainedStrategy = (typeof trainees)[number];

/** The budget in seconds, or in epochs; what is not bounded is Infinity. */
export interface Spending {
  readonly left: () => number;
  /** Epochs of one training on all images. */
  readonly epochs: number;
}

export interface TrainingsInput {
  readonly probe: (task: Task) => Promise<StrategyResult>;
  readonly prepare: Readonly<Record<TrainedStrategy, Prepare>>;
  /** The task of a split on a number of its images. */
  readonly task: (wanted: PlannedRun) => Pick<Task, "learn" | "evaluated"> & { readonly groups: readonly number[] };
  readonly schedule: readonly PlannedRun[];
  /** The number of images of a run on all. */
  readonly pictures: number;
  readonly baseline: number;
  readonly spending: Spending;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly stop?: AbortSignal | undefined;
}

/** The trainings of a strategy on all images of the first split. */
export interface StrategyProgress extends Outlook {
  readonly rungs: readonly Rung[];
}

export interface TrainingsOutcome {
  readonly runs: readonly Run[];
  readonly progress: Readonly<Partial<Record<Strategy, StrategyProgress>>>;
  readonly leftOut: readonly (PlannedRun & { readonly road: Strategy })[];
  readonly interrupted: boolean;
}

/** A training starts only if at least this share of the seconds that it needs is left. */
const WORTH_BEGINNING = 0.6;
/** On fewer images the curve may flatten later: the maximum number of doublings, from half the epochs. */
const DOUBLINGS_WITH_FEWER = 3;

/** Makes as many runs as the budget allows. */
export async function runTrainings(options: TrainingsInput): Promise<TrainingsOutcome> {
  const runs: Run[] = [];
  const leftOut: (PlannedRun & { road: Strategy })[] = [];
  const ladders = new Map<TrainedStrategy, Ladder>();
  const { enough, end } = timeoutsFor(options.spending.left());
  const own: Timed = { ...options, enough, signal: eitherOf(options.signal, end) };
  const made = (interrupted: boolean): TrainingsOutcome => ({
    runs: [...firstRuns(own, ladders), ...runs],
    progress: progressOf(ladders),
    leftOut,
    interrupted,
  });
  const pending = options.schedule.flatMap((wanted) => trainees.map((strategy) => ({ ...wanted, road: strategy })));
  try {
    await runProbes(own, runs);
    await climbAll(own, runs, ladders);
    // While a strategy could still win with more training, repetitions tell nothing.
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

/** The timeouts of a run: `enough` ends a training with the best it has, `signal` ends everything. */
interface Timed extends TrainingsInput {
  readonly enough: AbortSignal | undefined;
}

/** Maximum delay of a timer in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1;
/** Grace period over the seconds for work that cannot end after an epoch. */
const [GRACE_SHARE, GRACE_SECONDS] = [0.1, 5];

function timeoutsFor(seconds: number): { readonly enough?: AbortSignal; readonly end?: AbortSignal } {
  const timer = (after: number): AbortSignal => AbortSignal.timeout(Math.max(0, Math.ceil(1000 * after)));
  const last = seconds * (1 + GRACE_SHARE) + GRACE_SECONDS;
  return 1000 * last > LONGEST_TIMER ? {} : { enough: timer(seconds), end: timer(last) };
}

const taskOf = (
  { task, onProgress, signal }: TrainingsInput,
  wanted: PlannedRun,
): Task & { readonly groups: readonly number[] } => ({
  ...task(wanted),
  ...{ seed: wanted.seed, onProgress, signal },
});

/** Runs the probe on every task: it takes hardly any time. */
async function runProbes(options: TrainingsInput, runs: Run[]): Promise<void> {
  for (const wanted of [{ pictures: options.pictures, seed: 0 }, ...options.schedule]) {
    const task = taskOf(options, wanted);
    runs.push({
      ...(await options.probe(task)),
      ...{
        strategy: "probe",
        pictures: task.learn.length,
        seed: wanted.seed,
        evaluated: task.evaluated,
        groups: task.groups,
      },
    });
  }
}

/** Repeatedly trains the strategy with the fewest seconds among those that could still win, until none is left or time is up. */
async function climbAll(options: Timed, runs: readonly Run[], ladders: Map<TrainedStrategy, Ladder>): Promise<void> {
  const { pictures, baseline, spending } = options;
  const task = taskOf(options, { pictures, seed: 0 });
  for (const strategy of trainees) {
    const trainee = await options.prepare[strategy](task);
    // At least two trainings fit into the epochs, so that they can be compared.
    const first = Math.min(trainee.first, Math.max(1, Math.floor(spending.epochs / 2)));
    ladders.set(strategy, createLadder({ ...trainee, first }, baseline));
  }
  const spent = (strategy: Strategy): number =>
    ladders.get(strategy as TrainedStrategy)!.rungs.reduce((sum, { seconds }) => sum + seconds, 0);
  for (;;) {
    const open = openIn(options, runs, ladders).filter((strategy) => {
      const { next } = ladders.get(strategy as TrainedStrategy)!.outlook();
      return next.epochs <= spending.epochs && WORTH_BEGINNING * next.seconds <= spending.left();
    });
    const [strategy] = open.toSorted((a, b) => spent(a) - spent(b));
    if (strategy === undefined) return;
    await ladders.get(strategy as TrainedStrategy)!.climb(options.enough);
  }
}

/** The strategies that could still win, given the runs so far. */
function openIn(
  options: TrainingsInput,
  runs: readonly Run[],
  ladders: ReadonlyMap<TrainedStrategy, Ladder>,
): readonly Strategy[] {
  const now = [...firstRuns(options, ladders), ...runs];
  const found = decide(now, options.pictures, options.baseline, progressOf(ladders));
  return found.verdict === "undecided" ? found.open : [];
}

/** Makes one more run of a strategy, trained as long as on the first split; on fewer images, until its curve is flat there too. */
async function repeat(
  options: Timed,
  ladder: Ladder | undefined,
  { road: strategy, ...wanted }: PlannedRun & { readonly road: TrainedStrategy },
): Promise<Run | undefined> {
  const kept = ladder?.kept();
  if (!ladder || !kept) return undefined;
  const { spending, baseline, enough } = options;
  const task = taskOf(options, wanted);
  const share = task.learn.length / options.pictures;
  const isFewer = share < 1;
  if ((isFewer ? 1.5 : 1) * share * kept.seconds > spending.left()) return undefined;
  const trainee = await options.prepare[strategy](task);
  if (!isFewer) {
    const rung = await trainee.train(kept.epochs, enough);
    return rung.isCut ? undefined : runOf(strategy, task, rung, ladder.outlook().flattened);
  }
  const rungs: Rung[] = [];
  let epochs = Math.max(1, Math.ceil(kept.epochs / 2));
  for (let doubling = 0; doubling < DOUBLINGS_WITH_FEWER; doubling++) {
    rungs.push(await trainee.train(epochs, enough));
    const { flattened, next } = outlookOf(rungs, baseline, trainee);
    if (flattened || next.seconds > spending.left()) break;
    epochs = next.epochs;
  }
  return runOf(strategy, task, keptOf(rungs)!, outlookOf(rungs, baseline, trainee).flattened);
}

/** The runs on all images of the first split so far. */
function firstRuns(options: TrainingsInput, ladders: ReadonlyMap<TrainedStrategy, Ladder>): Run[] {
  const task = taskOf(options, { pictures: options.pictures, seed: 0 });
  return [...ladders].flatMap(([strategy, ladder]) => {
    const kept = ladder.kept();
    return kept ? [runOf(strategy, task, kept, ladder.outlook().flattened)] : [];
  });
}

const runOf = (
  strategy: Strategy,
  { learn, evaluated, groups, seed }: Task & { readonly groups: readonly number[] },
  { correct, trainAccuracy, seconds, epochs }: Rung,
  flattened: boolean,
): Run => ({
  ...{ strategy, pictures: learn.length, seed, evaluated, groups, correct, trainAccuracy, seconds },
  training: { epochs, flattened },
});

const progressOf = (ladders: ReadonlyMap<TrainedStrategy, Ladder>): TrainingsOutcome["progress"] =>
  Object.fromEntries([...ladders].map(([strategy, { rungs, outlook }]) => [strategy, { rungs, ...outlook() }]));
