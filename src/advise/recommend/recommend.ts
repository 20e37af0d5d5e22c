/**
 * Recommends a network for a dataset and this machine: candidates are opened and measured, race on growing samples of the training images
 * within a budget of seconds, and one of them is recommended with the reason.
 */
import { eitherOf } from "../../base/concurrency.ts";
import { inSentences } from "../../base/system-errors.ts";
import { type DomainGap, GAP_IMAGES, gapOf, readConfidence } from "../domain-gap.ts";
import type { CandidateRun } from "./candidate-run.ts";
import { gatherCandidates } from "./candidates.ts";
import type { EvaluationSample } from "./evaluation-sample.ts";
import { baselineOf, evaluationSampleOf } from "./evaluation-sample.ts";
import { race } from "./race.ts";
import { paretoFront, type RankedNetwork, rankNetworks } from "./ranking.ts";
import type { RankedCandidate, Recommendation, RecommendOptions } from "./recommendation.ts";
import { checkedRecommendOptions, reasonFor } from "./recommendation.ts";
import { assemble, noTimeText, tooSmall } from "./starting-field.ts";

/** The share of the budget that is reserved for the domain gap. */
const GAP_SHARE = 0.06;

/**
 * Recommends a network.
 *
 * @throws GraftError (`usage`) if the budget is too small for any network, or none is within the limits, or an option is invalid,
 *   (`data`) if the images cannot be learned from; the reason of `signal` if it was aborted, and of `stop` if that happened before
 *   anything was known
 */
export const recommend = async (options: RecommendOptions): Promise<Recommendation> =>
  inSentences(() => recommendChecked(checkedRecommendOptions(options)));

async function recommendChecked(options: ReturnType<typeof checkedRecommendOptions>): Promise<Recommendation> {
  const began = performance.now();
  const { dataset, limits = {}, budgetSeconds, seed, onProgress, onNote, stop } = options;
  const signal = eitherOf(options.signal, stop);
  signal?.throwIfAborted();
  const gathered = options.field ?? (await gatherCandidates({ limits, onProgress }));
  const { sample, training, keptForTest } = await evaluationSampleOf(dataset, seed, { onProgress, signal });
  const { candidateRuns, leftOut, fetchSeconds } = await assemble(gathered, sample, {
    ...{ limits, budgetSeconds, onProgress, onNote, signal },
  });
  try {
    const left = (): number => budgetSeconds - (performance.now() - began) / 1000 + fetchSeconds;
    const seconds = left() - GAP_SHARE * budgetSeconds;
    const { noTime, interrupted } = await runRace(candidateRuns, sample, { seconds, onProgress, signal }, stop);
    const evaluated = candidateRuns.filter(({ evaluations }) => evaluations.size > 0);
    if (evaluated.length === 0) {
      const [quickest] = [...noTime].sort((a, b) => a.seconds - b.seconds);
      if (!quickest) throw stop?.reason;
      throw tooSmall(budgetSeconds, quickest.candidateRun.name, budgetSeconds - seconds + quickest.seconds);
    }
    for (const { candidateRun, seconds: needed } of noTime)
      leftOut.push({ name: candidateRun.name, reason: noTimeText(budgetSeconds, budgetSeconds - seconds + needed) });
    for (const { name } of candidateRuns.filter(
      (one) => !evaluated.includes(one) && !noTime.some((no) => no.candidateRun === one),
    ))
      leftOut.push({ name, reason: "the race was stopped before it was evaluated" });
    const result = conclude(evaluated, sample, training);
    const gap = interrupted ? undefined : await gapOfFirst(result.candidates, evaluated, sample, left());
    const { paths, classes } = sample;
    return {
      ...result,
      leftOut,
      classes,
      pictures: { available: paths.length, judged: Math.max(...result.candidates.map(({ pictures }) => pictures)) },
      keptForTest,
      skipped: [...evaluated].sort((a, b) => b.skipped.length - a.skipped.length)[0]!.skipped,
      gap,
      budgetSeconds,
      seconds: (performance.now() - began) / 1000,
      fetchSeconds,
      interrupted,
    };
  } finally {
    for (const one of candidateRuns) await one.close();
  }
}

/** Runs the race; `stop` ends it early with the results so far. */
async function runRace(
  candidateRuns: readonly CandidateRun[],
  sample: EvaluationSample,
  options: Parameters<typeof race>[2],
  stop: AbortSignal | undefined,
): Promise<{ noTime: Awaited<ReturnType<typeof race>>; interrupted: boolean }> {
  try {
    return { noTime: await race(candidateRuns, sample, options), interrupted: false };
  } catch (error) {
    if (!stop?.aborted || error !== stop.reason) throw error;
    return { noTime: [], interrupted: true };
  }
}

/** Ranks the evaluated networks, and chooses one. */
function conclude(
  evaluated: readonly CandidateRun[],
  sample: EvaluationSample,
  training: number,
): Pick<Recommendation, "candidates" | "recommended" | "reason" | "baseline"> {
  const baseline = baselineOf(sample);
  const results = evaluated.map(({ name, evaluations, cost }) => ({
    name,
    latencyMs: cost.latencyMs,
    rungs: [...evaluations].map(([images, { correct, groups, logLoss }]) => ({
      images,
      correct,
      groups,
      logLoss,
    })),
  }));
  const { networks, recommended, why } = rankNetworks(results, baseline.accuracy);
  const byName = new Map(evaluated.map((one) => [one.name, one]));
  const figures = networks.map((ranked) => figuresOf(ranked, byName.get(ranked.name)!, training));
  const front = paretoFront(figures, [
    ({ accuracy }) => -accuracy,
    ({ cost }) => cost.latencyMs,
    ({ cost }) => cost.sizeBytes,
  ]);
  const pictures = Math.max(...figures.map((one) => one.pictures));
  const chosen = networks.find(({ name }) => name === recommended);
  return {
    candidates: figures.map((one) => ({ ...one, isOnFront: front.includes(one) })),
    recommended,
    reason: reasonFor(why, chosen, baseline, pictures),
    baseline,
  };
}

function figuresOf(ranked: RankedNetwork, one: CandidateRun, training: number): Omit<RankedCandidate, "isOnFront"> {
  const { network, shape, cost, evaluations } = one;
  const last = [...evaluations.values()].at(-1)!;
  const { description, licence } = network;
  return {
    ...ranked,
    description,
    licence,
    logLoss: last.logLoss,
    scores: last.scores,
    features: shape.features,
    cost,
    trainSeconds: training / cost.overallPerSecond + (training * last.seconds) / last.images,
  };
}

/** The domain gap by the best network that has a classifier of its own, if there is time. */
async function gapOfFirst(
  candidates: readonly RankedCandidate[],
  candidateRuns: readonly CandidateRun[],
  { paths }: EvaluationSample,
  seconds: number,
): Promise<DomainGap | undefined> {
  for (const { name } of candidates) {
    const { network, shape, cost } = candidateRuns.find((one) => one.name === name)!;
    // Opening the whole network, and half the speed of full batches.
    const needed = 0.5 + cost.sizeBytes / 80e6 + (2 * GAP_IMAGES) / cost.overallPerSecond;
    if (needed > seconds) continue;
    const confidence = await readConfidence(network, shape, paths);
    if (confidence) return gapOf(confidence, name);
  }
  return undefined;
}
