/**
 * Answers whether to transfer at all: three strategies learn from the user's own images, several times, within seconds or epochs, and
 * are evaluated on images that they did not learn from. The course of the trainings is in {@link runTrainings}.
 */
import { eitherOf } from "../../base/concurrency.ts";
import { createRandom } from "../../base/random.ts";
import { inSentences } from "../../base/system-errors.ts";
import { stratifiedSplit } from "../../data/dataset/split.ts";
import { augmentationFor } from "../../data/image/augment/augmentation-plan.ts";
import { describeSmallResnet } from "../../networks/architectures/small-resnet.ts";
import { shapesOf } from "../../networks/backbone/backbone.ts";
import { stagesOf } from "../../networks/backbone/stages.ts";
import type { Network } from "../../networks/network.ts";
import { unfrozen } from "../../train/finetune/recipe.ts";
import { type DomainGap, GAP_IMAGES, gapOf, readConfidence } from "../domain-gap.ts";
import { baselineOf, evaluationSampleOf, stratifiedOrder } from "../recommend/evaluation-sample.ts";
import type { CompareOptions, Comparison } from "./comparison.ts";
import {
  type CheckedCompareOptions,
  checkedCompareOptions,
  DEFAULT_COMPARE_BUDGET,
  needsOf,
  trainingOf,
} from "./comparison.ts";
import { type Strategy, scheduleFor, strategies } from "./comparison-runs.ts";
import { runTrainings, type Spending, type StrategyProgress } from "./comparison-trainings.ts";
import { decide } from "./comparison-verdict.ts";
import { fineTuning } from "./strategies/fine-tune-strategy.ts";
import { type Frozen, freeze, probeStrategy } from "./strategies/probe-strategy.ts";
import { type ScratchStrategy, scratchStrategy, sidesFor } from "./strategies/scratch-strategy.ts";
import { curveOf, keptOf, savingsOf } from "./training-ladder.ts";
import { evidenceFor, reasonOf } from "./verdict-text.ts";

/** The share of the images that each split is evaluated on. */
const EVALUATION_SHARE = 0.25;
/** Maximum share of the seconds for choosing the settings of the network from scratch. */
const TUNING_SHARE = 0.25;

/**
 * Compares the strategies.
 *
 * @throws GraftError (`data`) if the images cannot be learned from, (`usage`) if there is no stage of the name or an option is invalid;
 *   the reason of `signal` if it was aborted, and of `stop` if that happened before anything was known
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
  const { sample, keptForTest } = await evaluationSampleOf(dataset, seed, { onProgress, signal });
  const { classes } = sample;
  const frozen = await freeze(network, sample, { onProgress, signal });
  try {
    const resample = resampling(frozen, classes.length, seed);
    const unfreeze = options.unfreeze ?? (await lastThird(network));
    // An unknown stage is rejected before any time is spent.
    unfrozen(await stagesIn(network), unfreeze, network.name);
    const gap = await gapWithin(network, frozen, 0.1 * spending.left());
    const first = resample(0);
    const baseline = baselineOf({ labels: frozen.labels, classes });
    const scratch = scratchStrategy({
      frozen,
      classes: classes.length,
      sides: await sidesFor(frozen.paths),
      augment: augmentationFor({ examples: first.pool.length, classes: classes.length }).name,
    });
    const outcome = await runTrainings({
      ...strategiesFor(network, frozen, classes.length, {
        scratch,
        unfreeze,
        tuningSeconds: TUNING_SHARE * spending.left(),
      }),
      task: ({ pictures, seed: split }) => {
        const { evaluated, pool } = resample(split);
        return { learn: pool.slice(0, pictures), evaluated, groups: evaluated.map((row) => frozen.groups[row]!) };
      },
      schedule: scheduleFor({ pictures: first.pool.length, fewest: 2 * classes.length, splits }),
      ...{ pictures: first.pool.length, baseline: baseline.accuracy, spending, onProgress, signal, stop },
    });
    if (outcome.interrupted && outcome.runs.length === 0) throw stop?.reason;
    const verdict = decide(outcome.runs, first.pool.length, baseline.accuracy, outcome.progress);
    const curves = strategies
      .map((strategy) => curveOf(strategy, outcome.runs))
      .filter(({ points }) => points.length > 0);
    const savings = savingsBetween(verdict.verdict, curves);
    const training = trainingOf(outcome.progress);
    const needs =
      verdict.verdict === "undecided"
        ? needsOf(verdict.open, outcome.progress, { seconds: elapsed(), epochs })
        : undefined;
    if (outcome.leftOut.length > 0 && !outcome.interrupted)
      onNote?.(
        `Left out ${outcome.leftOut.length} trainings on other splits and smaller shares: ${needs ? "the first split needs more training before them" : "there was no time"}.`,
      );
    const tuned = outcome.progress.scratch?.rungs.length ? scratch.settings() : undefined;
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
        ...{ learningRate: tuned.learningRate, augment: tuned.augment, epochs: keptEpochs(outcome.progress.scratch) },
      },
      unfreeze,
      pictures: {
        available: frozen.paths.length,
        learned: Math.max(...outcome.runs.map(({ pictures }) => pictures)),
        judged: first.evaluated.length,
      },
      keptForTest,
      skipped: frozen.skipped,
      gap,
      training,
      needs,
      leftOut: outcome.leftOut,
      budgetSeconds,
      epochs,
      seconds: elapsed(),
      interrupted: outcome.interrupted,
    };
  } finally {
    frozen.close();
  }
}

const keptEpochs = (progress: StrategyProgress | undefined): number => keptOf(progress?.rungs ?? [])?.epochs ?? 0;

/** Prepares the strategies for their tasks. */
function strategiesFor(
  network: Network,
  frozen: Frozen,
  classes: number,
  {
    scratch,
    unfreeze,
    tuningSeconds,
  }: { readonly scratch: ScratchStrategy; readonly unfreeze: string; readonly tuningSeconds: number },
): Pick<Parameters<typeof runTrainings>[0], "probe" | "prepare"> {
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

/** One split of the images. */
interface Resample {
  readonly evaluated: readonly number[];
  /** In an order of which every prefix is stratified. */
  readonly pool: readonly number[];
}

function resampling(
  { labels, groups }: Pick<Frozen, "labels" | "groups">,
  classes: number,
  seed: number,
): (split: number) => Resample {
  return (split) => {
    const random = createRandom(1000 * (split + 1) + seed);
    const { kept, held } = stratifiedSplit(labels, EVALUATION_SHARE, random, groups);
    const order = stratifiedOrder(
      kept.map((row) => labels[row]!),
      random,
    );
    return { evaluated: held.length > 0 ? held : kept.slice(0, classes), pool: order.map((i) => kept[i]!) };
  };
}

const stagesIn = async (network: Network): Promise<ReturnType<typeof stagesOf>> =>
  stagesOf(network.model.graph, network.cut, await shapesOf(network), network.stages);

/** The number of last stages that make up about a third of them, as text. */
async function lastThird(network: Network): Promise<string> {
  const stages = await stagesIn(network);
  return String(Math.max(1, Math.round(stages.length / 3)));
}

async function gapWithin(network: Network, frozen: Frozen, seconds: number): Promise<DomainGap | undefined> {
  if (GAP_IMAGES * frozen.secondsPerImage * 2 > seconds) return undefined;
  const confidence = await readConfidence(network, frozen.shape, frozen.paths);
  return confidence && gapOf(confidence, network.name);
}

/** How many images the winning strategy saves against its opposite; undefined without a verdict. */
function savingsBetween(verdict: Comparison["verdict"], curves: Comparison["roads"]): Comparison["savings"] {
  const of = (strategy: Strategy) => curves.find((curve) => curve.road === strategy);
  const [probe, tuned, scratch] = [of("probe"), of("fine-tune"), of("scratch")];
  if (verdict === "transfer" && probe && scratch) return savingsOf(probe, scratch);
  if (verdict === "fine-tune" && tuned && scratch) return savingsOf(tuned, scratch);
  if (verdict === "scratch" && probe && scratch) return savingsOf(scratch, probe);
  return undefined;
}
