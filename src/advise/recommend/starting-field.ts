/** Assembles the field of the race: opens and measures candidates, and drops those over a limit. */
import { usageError } from "../../base/errors.ts";
import type { OnProgress } from "../../base/progress.ts";
import { type CandidateRun, openCandidateRun } from "./candidate-run.ts";
import { openCandidates } from "./candidates.ts";
import type { EvaluationSample } from "./evaluation-sample.ts";
import { type KnownCost, predictCost, type Remembered, rememberedCosts } from "./network-cost.ts";
import { EVALUATION_GUESS, fewestImages } from "./race.ts";
import type { Candidate, CostLimits, LeftOut } from "./recommendation.ts";

export interface FieldOptions {
  readonly limits: CostLimits;
  /** Seconds for everything except downloads. */
  readonly budgetSeconds: number;
  readonly onProgress?: OnProgress | undefined;
  readonly onNote?: ((text: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Field {
  readonly candidateRuns: readonly CandidateRun[];
  readonly leftOut: LeftOut[];
  readonly fetchSeconds: number;
}

/** The share of the budget for opening and measuring; networks after it are left out. */
const ASSEMBLY_SHARE = 0.4;
/** Seconds of opening a network besides reading its weights, and bytes of weights read per second. */
const OPENING = 1;
const READ_PER_SECOND = 80e6;

/**
 * Opens and measures the candidates, fastest first, so that a small budget is spent on those it suffices for.
 *
 * @throws GraftError (`usage`) if the budget is too small for any candidate, or all are over a limit
 */
export async function assemble(
  { candidates, leftOut: before }: { readonly candidates: readonly Candidate[]; readonly leftOut: readonly LeftOut[] },
  sample: EvaluationSample,
  { limits, budgetSeconds, onProgress, onNote, signal }: FieldOptions,
): Promise<Field> {
  const began = performance.now();
  const remembered = await rememberedCosts();
  const ordered = byLeastSeconds(candidates, sample, remembered);
  checkBudget(ordered, budgetSeconds);
  const candidateRuns: CandidateRun[] = [];
  const leftOut = [...before];
  let fetchSeconds = 0;
  const spent = (): number => (performance.now() - began) / 1000 - fetchSeconds;
  try {
    const inTime = ordered.map(({ candidate }) => candidate);
    for await (const opened of openCandidates(inTime, leftOut, onProgress)) {
      signal?.throwIfAborted();
      const { candidate, network } = opened;
      fetchSeconds += opened.fetchSeconds;
      if (network.assumedPreprocessing)
        onNote?.(
          `${network.name} does not specify its preprocessing, so "${network.preprocessingFrom}" is used; override it with --preprocessing.`,
        );
      const one = await openCandidateRun(candidate.name, network, sample, remembered, candidate.entry ?? {});
      const over = overLimits(one, limits);
      if (over === undefined) candidateRuns.push(one);
      else {
        leftOut.push({ name: candidate.name, reason: over, isOverLimit: true });
        await one.close();
      }
      if (candidateRuns.length > 0 && spent() > budgetSeconds * ASSEMBLY_SHARE) break;
    }
  } catch (error) {
    for (const one of candidateRuns) await one.close();
    throw error;
  }
  const opened = new Set([...candidateRuns.map(({ name }) => name), ...leftOut.map(({ name }) => name)]);
  for (const { candidate, seconds } of ordered)
    if (!opened.has(candidate.name))
      leftOut.push({ name: candidate.name, reason: noTimeText(budgetSeconds, spent() + seconds) });
  if (candidateRuns.length === 0) throw noneFits(limits, leftOut);
  return { candidateRuns, leftOut, fetchSeconds };
}

interface Timed {
  readonly candidate: Candidate;
  /** The estimated seconds of its smallest rung. */
  readonly seconds: number;
}

function byLeastSeconds(
  candidates: readonly Candidate[],
  sample: EvaluationSample,
  remembered: readonly Remembered[],
): readonly Timed[] {
  const points = remembered.filter((one): one is Remembered & KnownCost => one.multiplyAdds !== undefined);
  return candidates
    .map((candidate) => {
      const { entry } = candidate;
      const known = remembered.find(({ name }) => name === candidate.name);
      // A file has no known cost before it is opened: assume a small network.
      const cost = known ?? predictCost(entry ?? { multiplyAdds: 3e8, parameters: 4e6 }, points);
      const perImage = 1 / cost.overallPerSecond + EVALUATION_GUESS;
      const opening = OPENING + (4 * (entry?.parameters ?? 4e6)) / READ_PER_SECOND;
      return { candidate, seconds: opening + perImage * fewestImages(sample) };
    })
    .sort((a, b) => a.seconds - b.seconds);
}

function checkBudget([quickest]: readonly Timed[], budget: number): void {
  if (quickest && quickest.seconds > budget) throw tooSmall(budget, quickest.candidate.name, quickest.seconds);
}

/** The error of a budget that is too small for any network. */
export const tooSmall = (budget: number, quickest: string, seconds: number): Error =>
  usageError(
    `A budget of ${inSeconds(budget)} is too small for any network, since the fastest, ${quickest}, needs about ${inSeconds(Math.ceil(seconds))}: pass --budget ${Math.ceil(seconds * 1.2)}s or more.`,
  );

/** The reason for leaving out a network for lack of time. */
export const noTimeText = (budget: number, seconds: number): string =>
  `the budget of ${inSeconds(budget)} is too small for it: it would take about ${inSeconds(Math.ceil(seconds))}`;

const inSeconds = (seconds: number): string => `${Number(seconds.toPrecision(3))} s`;

/** The limit that a network exceeds, as text; undefined if it is within all. */
function overLimits({ cost }: CandidateRun, { latencyMs, sizeBytes }: CostLimits): string | undefined {
  if (latencyMs !== undefined && cost.latencyMs > latencyMs)
    return `--latency: it takes ${cost.latencyMs.toFixed(1)} ms per image`;
  if (sizeBytes !== undefined && cost.sizeBytes > sizeBytes)
    return `--max-size: its model has ${(cost.sizeBytes / 1e6).toFixed(1)} MB`;
  return undefined;
}

function noneFits({ latencyMs, sizeBytes }: CostLimits, leftOut: readonly LeftOut[]): Error {
  const limited = leftOut.filter(({ isOverLimit }) => isOverLimit);
  if (limited.length === 0) {
    const first = leftOut[0];
    return usageError(
      `No network is available${first ? ` (${first.name}: ${first.reason})` : ""}: download one with \`graft networks pull resnet50\`, or pass a file with --network.`,
    );
  }
  const limits = [
    ...(latencyMs === undefined ? [] : [`--latency ${latencyMs}ms`]),
    ...(sizeBytes === undefined ? [] : [`--max-size ${sizeBytes / 1e6}MB`]),
  ];
  const each = limited.map(({ name, reason }) => `${name} (${reason})`).join("; ");
  return usageError(`No network is within ${limits.join(" and ")}: ${each}: raise the limit.`);
}
