/**
 * Which network suits these pictures and this machine: candidates are opened and measured, race on growing samples of the training
 * pictures under a budget of seconds, and one of them is recommended with the reason.
 */
import { eitherOf } from "../../base/concurrency.ts";
import { inSentences } from "../../base/system-errors.ts";
import { type DomainGap, gapOf } from "../gap/confidence.ts";
import { ASKED, readConfidence } from "../gap/read.ts";
import { paretoFront } from "../statistics/pareto.ts";
import { gatherCandidates } from "./candidates.ts";
import type { Contestant, Gallery } from "./contestant.ts";
import { assemble, noTimeText, tooSmall } from "./field.ts";
import { baselineOf, galleryOf } from "./gallery.ts";
import type { RecommendOptions } from "./options.ts";
import { checkedRecommendOptions } from "./options.ts";
import { race } from "./race.ts";
import type { RankedCandidate, Recommendation } from "./recommendation.ts";
import { type Standing, standingsOf } from "./standing.ts";
import { reasonFor } from "./words.ts";

/** The share of the budget that is kept for reading the domain gap. */
const GAP_SHARE = 0.06;

/**
 * Recommends a network.
 *
 * @throws GraftError (`usage`) where the budget is too small for any network, or none is within the limits, or an option does not
 *   fit; (`data`) where the pictures cannot be learned from; the reason of `signal` where it was
 *   aborted, and of `stop` where that was before anything was known
 */
export const recommend = async (options: RecommendOptions): Promise<Recommendation> =>
  inSentences(() => recommendChecked(checkedRecommendOptions(options)));

async function recommendChecked(options: ReturnType<typeof checkedRecommendOptions>): Promise<Recommendation> {
  const began = performance.now();
  const { dataset, limits = {}, budgetSeconds, seed, onProgress, onNote, stop } = options;
  const signal = eitherOf(options.signal, stop);
  signal?.throwIfAborted();
  const gathered = options.field ?? (await gatherCandidates({ limits, onProgress }));
  const { gallery, training, keptForTest } = await galleryOf(dataset, seed, { onProgress, signal });
  const { contestants, leftOut, fetchSeconds } = await assemble(gathered, gallery, {
    ...{ limits, budgetSeconds, onProgress, onNote, signal },
  });
  try {
    const left = (): number => budgetSeconds - (performance.now() - began) / 1000 + fetchSeconds;
    const seconds = left() - GAP_SHARE * budgetSeconds;
    const { noTime, interrupted } = await raced(contestants, gallery, { seconds, onProgress, signal }, stop);
    const judged = contestants.filter(({ judgements }) => judgements.size > 0);
    if (judged.length === 0) {
      const [quickest] = [...noTime].sort((a, b) => a.seconds - b.seconds);
      if (!quickest) throw stop?.reason;
      throw tooSmall(budgetSeconds, quickest.contestant.name, budgetSeconds - seconds + quickest.seconds);
    }
    for (const { contestant, seconds: needed } of noTime)
      leftOut.push({ name: contestant.name, reason: noTimeText(budgetSeconds, budgetSeconds - seconds + needed) });
    for (const { name } of contestants.filter(
      (one) => !judged.includes(one) && !noTime.some((no) => no.contestant === one),
    ))
      leftOut.push({ name, reason: "it was stopped before it was judged" });
    const result = conclude(judged, gallery, training);
    const gap = interrupted ? undefined : await gapOfFirst(result.candidates, judged, gallery, left());
    const { paths, classes } = gallery;
    return {
      ...result,
      leftOut,
      classes,
      pictures: { available: paths.length, judged: Math.max(...result.candidates.map(({ pictures }) => pictures)) },
      keptForTest,
      skipped: [...judged].sort((a, b) => b.skipped.length - a.skipped.length)[0]!.skipped,
      gap,
      budgetSeconds,
      seconds: (performance.now() - began) / 1000,
      fetchSeconds,
      interrupted,
    };
  } finally {
    for (const one of contestants) await one.close();
  }
}

/** The race; `stop` ends it, and what was found out by then counts. */
async function raced(
  contestants: readonly Contestant[],
  gallery: Gallery,
  options: Parameters<typeof race>[2],
  stop: AbortSignal | undefined,
): Promise<{ noTime: Awaited<ReturnType<typeof race>>; interrupted: boolean }> {
  try {
    return { noTime: await race(contestants, gallery, options), interrupted: false };
  } catch (error) {
    if (!stop?.aborted || error !== stop.reason) throw error;
    return { noTime: [], interrupted: true };
  }
}

/** Orders those that were judged, and chooses. */
function conclude(
  judged: readonly Contestant[],
  gallery: Gallery,
  training: number,
): Pick<Recommendation, "candidates" | "recommended" | "reason" | "baseline"> {
  const baseline = baselineOf(gallery);
  const entrants = judged.map(({ name, judgements, cost }) => ({
    name,
    latencyMs: cost.latencyMs,
    answers: [...judgements].map(([pictures, { correct, groups, logLoss }]) => ({
      pictures,
      correct,
      groups,
      logLoss,
    })),
  }));
  const { standings, recommended, why } = standingsOf(entrants, baseline.accuracy);
  const byName = new Map(judged.map((one) => [one.name, one]));
  const figures = standings.map((standing) => figuresOf(standing, byName.get(standing.name)!, training));
  const front = paretoFront(figures, [
    ({ accuracy }) => -accuracy,
    ({ cost }) => cost.latencyMs,
    ({ cost }) => cost.sizeBytes,
  ]);
  const pictures = Math.max(...figures.map((one) => one.pictures));
  const chosen = standings.find(({ name }) => name === recommended);
  return {
    candidates: figures.map((one) => ({ ...one, isOnFront: front.includes(one) })),
    recommended,
    reason: reasonFor(why, chosen, baseline, pictures),
    baseline,
  };
}

function figuresOf(standing: Standing, one: Contestant, training: number): Omit<RankedCandidate, "isOnFront"> {
  const { network, shape, cost, judgements } = one;
  const last = [...judgements.values()].at(-1)!;
  const { description, licence } = network;
  return {
    ...standing,
    description,
    licence,
    logLoss: last.logLoss,
    scores: last.scores,
    features: shape.features,
    cost,
    trainSeconds: training / cost.overallPerSecond + (training * last.seconds) / last.pictures,
  };
}

/** The domain gap as the best network with a classifier of its own sees it, where there is time to ask. */
async function gapOfFirst(
  candidates: readonly RankedCandidate[],
  contestants: readonly Contestant[],
  { paths }: Gallery,
  seconds: number,
): Promise<DomainGap | undefined> {
  for (const { name } of candidates) {
    const { network, shape, cost } = contestants.find((one) => one.name === name)!;
    // Opening the whole network, and the pictures at half the speed that batches of sixteen have.
    const needed = 0.5 + cost.sizeBytes / 80e6 + (2 * ASKED) / cost.overallPerSecond;
    if (needed > seconds) continue;
    const confidence = await readConfidence(network, shape, paths);
    if (confidence) return gapOf(confidence, name);
  }
  return undefined;
}
