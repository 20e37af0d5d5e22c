/**
 * Whether to transfer at all: three roads are taken at growing shares of the user's own pictures, several times over, under one budget
 * of seconds, and judged on pictures that they did not learn from.
 */
import { eitherOf } from "../../base/concurrency.ts";
import { usageError } from "../../base/errors.ts";
import type { OnProgress } from "../../base/progress.ts";
import { createRandom } from "../../base/random.ts";
import { inSentences } from "../../base/system-errors.ts";
import { augmentationFor } from "../../data/augment/policy.ts";
import type { Dataset } from "../../data/dataset/discover.ts";
import { stratifiedSplit } from "../../data/split.ts";
import { unfrozen } from "../../train/finetune/plan.ts";
import { shapesOf } from "../../zoo/backbone.ts";
import type { Network } from "../../zoo/network.ts";
import { stagesOf } from "../../zoo/stages.ts";
import { type DomainGap, gapOf } from "../gap/confidence.ts";
import { ASKED, readConfidence } from "../gap/read.ts";
import { stratifiedOrder } from "../halving/order.ts";
import { baselineOf, galleryOf } from "../recommend/gallery.ts";
import type { Comparison } from "./comparison.ts";
import { curveOf, savingsOf } from "./curve.ts";
import { type CheckedCompareOptions, checkedCompareOptions } from "./options.ts";
import { fineTuneRoad } from "./roads/fine-tune.ts";
import { type Frozen, freeze } from "./roads/frozen.ts";
import { probeRoad } from "./roads/probe.ts";
import type { TakeRoad } from "./roads/road.ts";
import { type ScratchRoad, scratchRoad } from "./roads/scratch.ts";
import { type Road, type Run, roads } from "./run.ts";
import { scheduleFor, type Wanted } from "./schedule.ts";
import { describeSized } from "./scratch/architecture.ts";
import { decide } from "./verdict.ts";
import { evidenceFor, reasonOf } from "./words.ts";

export interface CompareOptions {
  readonly dataset: Dataset;
  readonly network: Network;
  /** Default {@link DEFAULT_COMPARE_BUDGET}. */
  readonly budgetSeconds?: number | undefined;
  /** What fine-tuning trains, as for `--unfreeze`. Default: the last third of the stages. */
  readonly unfreeze?: string | number | undefined;
  /** Default 0. The pictures that `train` holds out for its test with the same seed are left alone. */
  readonly seed?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Called with a sentence for each thing that went otherwise than asked. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Aborted, the work ends with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Aborted, the work ends early, and what is known by then is the answer. */
  readonly stop?: AbortSignal | undefined;
}

/** The share of the pictures that each dealing is judged on. */
const JUDGED_SHARE = 0.25;
/** Of the seconds left for trainings, the share that is planned with: trainings do not end on the second. */
const PLANNED_SHARE = 0.85;
/** A run may begin where at least this share of its seconds is left. */
const WORTH_BEGINNING = 0.6;

/**
 * Compares the roads.
 *
 * @throws GraftError (`data`) where the pictures cannot be learned from; (`usage`) where there is no stage of the name, or an
 *   option does not fit; the reason of `signal` where it was aborted, and of `stop` where that was before anything was known
 */
export const compare = async (options: CompareOptions): Promise<Comparison> =>
  inSentences(() => compareChecked(checkedCompareOptions(options)));

async function compareChecked(options: CheckedCompareOptions): Promise<Comparison> {
  const began = performance.now();
  const { dataset, network, budgetSeconds, seed, onProgress } = options;
  const signal = eitherOf(options.signal, options.stop);
  signal?.throwIfAborted();
  const left = (): number => budgetSeconds - (performance.now() - began) / 1000;
  const { gallery, keptForTest } = await galleryOf(dataset, seed, { onProgress, signal });
  const { classes } = gallery;
  const frozen = await freeze(network, gallery, { onProgress, signal });
  try {
    const deals = dealing(frozen, classes.length, seed);
    const unfreeze = options.unfreeze ?? (await lastThird(network));
    // A stage that is not there is refused before any time is spent.
    unfrozen(await stagesIn(network), unfreeze, network.name);
    const gap = await gapWithin(network, frozen, 0.1 * left());
    const first = deals(0);
    const schedule = scheduleFor({
      pictures: first.pool.length,
      fewest: 2 * classes.length,
      seconds: PLANNED_SHARE * left(),
    });
    const made = await takeRoads({ ...options, signal }, frozen, { schedule, deals, unfreeze, left });
    if (made.interrupted && made.runs.length === 0) throw options.stop?.reason;
    if (made.runs.length === 0)
      throw usageError(
        `A budget of ${Math.round(budgetSeconds)} s is too small for any training: give --budget ${Math.ceil(budgetSeconds * 2)}s or more; what was computed is kept.`,
      );
    const baseline = baselineOf({ labels: frozen.labels, classes });
    const verdict = decide(made.runs, first.pool.length, baseline.accuracy);
    const curves = roads.map((road) => curveOf(road, made.runs)).filter(({ points }) => points.length > 0);
    const savings = savingsBetween(verdict.verdict, curves);
    return {
      verdict: verdict.verdict,
      reason: reasonOf(verdict, savings),
      evidence: evidenceFor(verdict),
      leads: verdict.leads,
      roads: curves,
      savings,
      baseline,
      classes,
      network: { name: network.name, description: network.description, licence: network.licence },
      scratch: made.scratch && { network: describeSized(made.scratch.sized), ...made.scratch.settings },
      unfreeze,
      pictures: {
        available: frozen.paths.length,
        learned: Math.max(...made.runs.map(({ pictures }) => pictures)),
        judged: first.judged.length,
      },
      keptForTest,
      skipped: frozen.skipped,
      gap,
      leftOut: made.leftOut,
      budgetSeconds,
      seconds: (performance.now() - began) / 1000,
      interrupted: made.interrupted,
    };
  } finally {
    frozen.close();
  }
}

/** One way to deal the pictures. */
interface Deal {
  readonly judged: readonly number[];
  /** In an order of which every beginning is stratified. */
  readonly pool: readonly number[];
}

function dealing(
  { labels, groups }: Pick<Frozen, "labels" | "groups">,
  classes: number,
  seed: number,
): (deal: number) => Deal {
  return (deal) => {
    const random = createRandom(1000 * (deal + 1) + seed);
    const { kept, held } = stratifiedSplit(labels, JUDGED_SHARE, random, groups);
    const order = stratifiedOrder(
      kept.map((row) => labels[row]!),
      random,
    );
    return { judged: held.length > 0 ? held : kept.slice(0, classes), pool: order.map((i) => kept[i]!) };
  };
}

const stagesIn = async (network: Network): Promise<ReturnType<typeof stagesOf>> =>
  stagesOf(network.model.graph, network.cut, await shapesOf(network), network.stages);

/** The number of stages at the end that hold about a third of them. */
async function lastThird(network: Network): Promise<string> {
  const stages = await stagesIn(network);
  return String(Math.max(1, Math.round(stages.length / 3)));
}

async function gapWithin(network: Network, frozen: Frozen, seconds: number): Promise<DomainGap | undefined> {
  if (ASKED * frozen.secondsPerPicture * 2 > seconds) return undefined;
  const confidence = await readConfidence(network, frozen.shape, frozen.paths);
  return confidence && gapOf(confidence, network.name);
}

interface Made {
  readonly runs: readonly Run[];
  readonly leftOut: readonly Wanted[];
  readonly scratch: ScratchRoad | undefined;
  readonly interrupted: boolean;
}

interface Plan {
  readonly schedule: ReturnType<typeof scheduleFor>;
  readonly deals: (deal: number) => Deal;
  readonly unfreeze: string;
  readonly left: () => number;
}

/** Makes the runs one after the other while there is time. */
async function takeRoads(
  { network, dataset, onProgress, onNote, signal, stop }: CheckedCompareOptions,
  frozen: Frozen,
  { schedule, deals, unfreeze, left }: Plan,
): Promise<Made> {
  const classes = dataset.classes.length;
  const runs: Run[] = [];
  const leftOut: Wanted[] = [];
  let scratch: ScratchRoad | undefined;
  try {
    const { pool } = deals(0);
    scratch = await scratchRoad({
      ...{
        paths: frozen.paths,
        labels: frozen.labels,
        groups: frozen.groups,
        classes,
        tuneOn: pool,
        onProgress,
        signal,
      },
      tuningSeconds: schedule.tuningSeconds,
      augment: augmentationFor({ examples: pool.length, classes }).name,
    });
    const { augment } = scratch.settings;
    const take: Readonly<Record<Road, TakeRoad>> = {
      probe: probeRoad(frozen, classes),
      "fine-tune": fineTuneRoad(network, frozen, classes, { unfreeze, augment }),
      scratch: scratch.take,
    };
    for (const wanted of schedule.runs) {
      const seconds = Math.min(wanted.seconds, left());
      if (left() < WORTH_BEGINNING * wanted.seconds || left() <= 0) {
        leftOut.push(wanted);
        continue;
      }
      const { judged, pool: own } = deals(wanted.seed);
      const task = { learn: own.slice(0, wanted.pictures), judged, seed: wanted.seed, seconds, onProgress };
      const answered = await inTime(left(), signal, (until) => take[wanted.road]({ ...task, signal: until }));
      if (answered)
        runs.push({
          ...{ ...answered, road: wanted.road, pictures: task.learn.length, seed: wanted.seed, judged },
          groups: judged.map((row) => frozen.groups[row]!),
        });
      else leftOut.push(wanted);
    }
  } catch (error) {
    if (!stop?.aborted || error !== stop.reason) throw error;
    return { runs, leftOut, scratch, interrupted: true };
  }
  if (leftOut.length > 0)
    onNote?.(`There was no time for ${leftOut.length} of ${schedule.runs.length} trainings: a larger --budget has it.`);
  return { runs, leftOut, scratch, interrupted: false };
}

/** A run that is ended where the budget is; nothing where it was. */
async function inTime<T>(
  seconds: number,
  signal: AbortSignal | undefined,
  work: (until: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  const clock = AbortSignal.timeout(Math.ceil(1000 * (seconds * 1.05 + 1)));
  try {
    return await work(signal ? AbortSignal.any([signal, clock]) : clock);
  } catch (error) {
    if (clock.aborted && error === clock.reason) return undefined;
    throw error;
  }
}

/** What the road of the verdict saves against the other end; of an undecided one nothing. */
function savingsBetween(verdict: Comparison["verdict"], curves: Comparison["roads"]): Comparison["savings"] {
  const of = (road: Road) => curves.find((curve) => curve.road === road);
  const [probe, tuned, scratch] = [of("probe"), of("fine-tune"), of("scratch")];
  if (verdict === "transfer" && probe && scratch) return savingsOf(probe, scratch);
  if (verdict === "fine-tune" && tuned && scratch) return savingsOf(tuned, scratch);
  if (verdict === "scratch" && probe && scratch) return savingsOf(scratch, probe);
  return undefined;
}
