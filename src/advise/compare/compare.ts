/**
 * Whether to transfer at all: three strategies learn from the user's own images, several times over, within seconds or epochs, and are
 * judged on images that they did not learn from. The trainings are in chances.ts.
 */
import { eitherOf } from "../../base/concurrency.ts";
import { createRandom } from "../../base/random.ts";
import { inSentences } from "../../base/system-errors.ts";
import { augmentationFor } from "../../data/augment/policy.ts";
import { stratifiedSplit } from "../../data/split.ts";
import { unfrozen } from "../../train/finetune/plan.ts";
import { describeSmallResnet } from "../../zoo/architectures/small-resnet.ts";
import { shapesOf } from "../../zoo/backbone.ts";
import type { Network } from "../../zoo/network.ts";
import { stagesOf } from "../../zoo/stages.ts";
import { type DomainGap, gapOf } from "../gap/confidence.ts";
import { ASKED, readConfidence } from "../gap/read.ts";
import { stratifiedOrder } from "../halving/order.ts";
import { baselineOf, galleryOf } from "../recommend/gallery.ts";
import { giveChances, type Progress, type Spending } from "./chances.ts";
import type { Comparison } from "./comparison.ts";
import { curveOf, savingsOf } from "./curve.ts";
import { keptOf } from "./ladder.ts";
import { needsOf, trainingOf } from "./needs.ts";
import type { CompareOptions } from "./options.ts";
import { type CheckedCompareOptions, checkedCompareOptions, DEFAULT_COMPARE_BUDGET } from "./options.ts";
import { type Strategy, strategies } from "./run.ts";
import { scheduleFor } from "./schedule.ts";
import { fineTuning } from "./strategies/fine-tune.ts";
import { type Frozen, freeze } from "./strategies/frozen.ts";
import { probeStrategy } from "./strategies/probe.ts";
import { type ScratchStrategy, scratchStrategy, sidesFor } from "./strategies/scratch.ts";
import { decide } from "./verdict.ts";
import { evidenceFor, reasonOf } from "./words.ts";

/** The share of the images that each split is judged on. */
const JUDGED_SHARE = 0.25;
/** Choosing the settings of the network from scratch may take this share of the seconds. */
const TUNING_SHARE = 0.25;

/**
 * Compares the strategies.
 *
 * @throws GraftError (`data`) where the images cannot be learned from; (`usage`) where there is no stage of the name, or an
 *   option does not fit; the reason of `signal` where it was aborted, and of `stop` where that was before anything was known
 */
export const compare = async (options: CompareOptions): Promise<Comparison> =>
  inSentences(() => compareChecked(checkedCompareOptions(options)));

async function compareChecked(options: CheckedCompareOptions): Promise<Comparison> {
  const began = performance.now();
  const { dataset, network, epochs, splits, seed, onProgress, onNote, stop } = options;
  const budgetSeconds = epochs === undefined ? (options.budgetSeconds ?? DEFAULT_COMPARE_BUDGET) : undefined;
  const signal = eitherOf(options.signal, stop);
  signal?.throwIfAborted();
  const elapsed = (): number => (performance.now() - began) / 1000;
  const spending: Spending = {
    left: () => (budgetSeconds === undefined ? Number.POSITIVE_INFINITY : budgetSeconds - elapsed()),
    epochs: epochs ?? Number.POSITIVE_INFINITY,
  };
  const { gallery, keptForTest } = await galleryOf(dataset, seed, { onProgress, signal });
  const { classes } = gallery;
  const frozen = await freeze(network, gallery, { onProgress, signal });
  try {
    const deals = dealing(frozen, classes.length, seed);
    const unfreeze = options.unfreeze ?? (await lastThird(network));
    // A stage that is not there is refused before any time is spent.
    unfrozen(await stagesIn(network), unfreeze, network.name);
    const gap = await gapWithin(network, frozen, 0.1 * spending.left());
    const first = deals(0);
    const baseline = baselineOf({ labels: frozen.labels, classes });
    const scratch = scratchStrategy({
      frozen,
      classes: classes.length,
      sides: await sidesFor(frozen.paths),
      augment: augmentationFor({ examples: first.pool.length, classes: classes.length }).name,
    });
    const made = await giveChances({
      ...chancesFor(network, frozen, classes.length, {
        scratch,
        unfreeze,
        tuningSeconds: TUNING_SHARE * spending.left(),
      }),
      task: ({ pictures, seed: deal }) => {
        const { judged, pool } = deals(deal);
        return { learn: pool.slice(0, pictures), judged, groups: judged.map((row) => frozen.groups[row]!) };
      },
      schedule: scheduleFor({ pictures: first.pool.length, fewest: 2 * classes.length, splits }),
      ...{ pictures: first.pool.length, baseline: baseline.accuracy, spending, onProgress, signal, stop },
    });
    if (made.interrupted && made.runs.length === 0) throw stop?.reason;
    const verdict = decide(made.runs, first.pool.length, baseline.accuracy, made.progress);
    const curves = strategies.map((road) => curveOf(road, made.runs)).filter(({ points }) => points.length > 0);
    const savings = savingsBetween(verdict.verdict, curves);
    const training = trainingOf(made.progress);
    const needs =
      verdict.verdict === "undecided"
        ? needsOf(verdict.open, made.progress, { seconds: elapsed(), epochs })
        : undefined;
    if (made.leftOut.length > 0 && !made.interrupted)
      onNote?.(
        `${made.leftOut.length} trainings that would repeat the first ones or draw their curves were left out: ${needs ? "the first ones come before them" : "there was no time"}.`,
      );
    const tuned = made.progress.scratch?.rungs.length ? scratch.settings() : undefined;
    return {
      verdict: verdict.verdict,
      reason: reasonOf(verdict, { savings, training, needs }),
      evidence: evidenceFor(verdict),
      leads: verdict.leads,
      roads: curves,
      savings,
      baseline,
      classes,
      network: { name: network.name, description: network.description, licence: network.licence },
      scratch: tuned && {
        ...{ network: describeSmallResnet(tuned.network), name: tuned.network },
        ...{ learningRate: tuned.learningRate, augment: tuned.augment, epochs: keptEpochs(made.progress.scratch) },
      },
      unfreeze,
      pictures: {
        available: frozen.paths.length,
        learned: Math.max(...made.runs.map(({ pictures }) => pictures)),
        judged: first.judged.length,
      },
      keptForTest,
      skipped: frozen.skipped,
      gap,
      training,
      needs,
      leftOut: made.leftOut,
      budgetSeconds,
      epochs,
      seconds: elapsed(),
      interrupted: made.interrupted,
    };
  } finally {
    frozen.close();
  }
}

const keptEpochs = (progress: Progress | undefined): number => keptOf(progress?.rungs ?? [])?.epochs ?? 0;

/** The strategies, ready for tasks. */
function chancesFor(
  network: Network,
  frozen: Frozen,
  classes: number,
  {
    scratch,
    unfreeze,
    tuningSeconds,
  }: { readonly scratch: ScratchStrategy; readonly unfreeze: string; readonly tuningSeconds: number },
): Pick<Parameters<typeof giveChances>[0], "probe" | "prepare"> {
  let isTuned = false;
  return {
    probe: probeStrategy(frozen, classes),
    prepare: {
      "fine-tune": fineTuning(network, frozen, classes, { unfreeze, augment: () => scratch.settings().augment }),
      scratch: async (task) => {
        const tunes = isTuned ? undefined : { seconds: tuningSeconds };
        isTuned = true;
        return scratch.prepare(task, tunes);
      },
    },
  };
}

/** One way to split the images. */
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

/** What the strategy of the verdict saves against the other end; of an undecided one nothing. */
function savingsBetween(verdict: Comparison["verdict"], curves: Comparison["roads"]): Comparison["savings"] {
  const of = (road: Strategy) => curves.find((curve) => curve.road === road);
  const [probe, tuned, scratch] = [of("probe"), of("fine-tune"), of("scratch")];
  if (verdict === "transfer" && probe && scratch) return savingsOf(probe, scratch);
  if (verdict === "fine-tune" && tuned && scratch) return savingsOf(tuned, scratch);
  if (verdict === "scratch" && probe && scratch) return savingsOf(scratch, probe);
  return undefined;
}
