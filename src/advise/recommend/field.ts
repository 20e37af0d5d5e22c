/** Who starts in the race: candidates are opened and measured, and those over a limit go. */
import { usageError } from "../../base/errors.ts";
import type { OnProgress } from "../../base/progress.ts";
import { type Point, predictCost } from "../costs/predict.ts";
import { type Remembered, rememberedCosts } from "../costs/remembered.ts";
import { openCandidates } from "./candidates.ts";
import { type Contestant, enter, type Gallery } from "./contestant.ts";
import type { Candidate, CostLimits, LeftOut } from "./options.ts";
import { fewestPictures, JUDGING_GUESS } from "./race.ts";

export interface FieldOptions {
  readonly limits: CostLimits;
  /** Seconds for everything but fetching. */
  readonly budgetSeconds: number;
  readonly onProgress?: OnProgress | undefined;
  readonly onNote?: ((text: string) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Field {
  readonly contestants: readonly Contestant[];
  readonly leftOut: LeftOut[];
  readonly fetchSeconds: number;
}

/** The share of the budget that opening and measuring may take; networks that come after it are left out. */
const ASSEMBLY_SHARE = 0.4;
/** Seconds that opening a network takes besides reading its weights, and bytes of weights a second. */
const OPENING = 1;
const READ_PER_SECOND = 80e6;

/**
 * Opens and measures the candidates, the quick ones first: where the budget is small, they are what there is time for.
 *
 * @throws GraftError (`usage`) where the budget is too small for any, or all are over a limit
 */
export async function assemble(
  { candidates, leftOut: before }: { readonly candidates: readonly Candidate[]; readonly leftOut: readonly LeftOut[] },
  gallery: Gallery,
  { limits, budgetSeconds, onProgress, onNote, signal }: FieldOptions,
): Promise<Field> {
  const began = performance.now();
  const remembered = await rememberedCosts();
  const ordered = byLeastSeconds(candidates, gallery, remembered);
  checkBudget(ordered, budgetSeconds);
  const contestants: Contestant[] = [];
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
          `${network.name} does not say how it wants its pixels: "${network.preprocessingFrom}" is taken; --preprocessing says otherwise.`,
        );
      const one = await enter(candidate.name, network, gallery, remembered, candidate.entry ?? {});
      const over = overLimits(one, limits);
      if (over === undefined) contestants.push(one);
      else {
        leftOut.push({ name: candidate.name, reason: over });
        await one.close();
      }
      if (contestants.length > 0 && spent() > budgetSeconds * ASSEMBLY_SHARE) break;
    }
  } catch (error) {
    for (const one of contestants) await one.close();
    throw error;
  }
  const opened = new Set([...contestants.map(({ name }) => name), ...leftOut.map(({ name }) => name)]);
  for (const { candidate, seconds } of ordered)
    if (!opened.has(candidate.name))
      leftOut.push({ name: candidate.name, reason: noTimeText(budgetSeconds, spent() + seconds) });
  if (contestants.length === 0) throw noneFits(limits, leftOut);
  return { contestants, leftOut, fetchSeconds };
}

interface Timed {
  readonly candidate: Candidate;
  /** That the least look at it will probably take. */
  readonly seconds: number;
}

function byLeastSeconds(
  candidates: readonly Candidate[],
  gallery: Gallery,
  remembered: readonly Remembered[],
): readonly Timed[] {
  const points = remembered.filter((one): one is Remembered & Point => one.multiplyAdds !== undefined);
  return candidates
    .map((candidate) => {
      const { entry } = candidate;
      const known = remembered.find(({ name }) => name === candidate.name);
      // A file says nothing before it is opened: it is taken for a small network.
      const cost = known ?? predictCost(entry ?? { multiplyAdds: 3e8, parameters: 4e6 }, points);
      const perPicture = 1 / cost.overallPerSecond + JUDGING_GUESS;
      const opening = OPENING + (4 * (entry?.parameters ?? 4e6)) / READ_PER_SECOND;
      return { candidate, seconds: opening + perPicture * fewestPictures(gallery) };
    })
    .sort((a, b) => a.seconds - b.seconds);
}

function checkBudget([quickest]: readonly Timed[], budget: number): void {
  if (quickest && quickest.seconds > budget) throw tooSmall(budget, quickest.candidate.name, quickest.seconds);
}

/** The error of a budget that is too small for any network. */
export const tooSmall = (budget: number, quickest: string, seconds: number): Error =>
  usageError(
    `A budget of ${inSeconds(budget)} is too small for any network: the least that would do is about ${inSeconds(Math.ceil(seconds))} (for ${quickest}): give --budget ${Math.ceil(seconds * 1.2)}s or more.`,
  );

/** Why a network was not looked at. */
export const noTimeText = (budget: number, seconds: number): string =>
  `the budget of ${inSeconds(budget)} has no time for it: it would take about ${inSeconds(Math.ceil(seconds))}`;

const inSeconds = (seconds: number): string => `${Number(seconds.toPrecision(3))} s`;

/** Which limit a network is over, in words; nothing where it fits. */
function overLimits({ cost }: Contestant, { latencyMs, sizeBytes }: CostLimits): string | undefined {
  if (latencyMs !== undefined && cost.latencyMs > latencyMs)
    return `--latency: one picture takes it ${cost.latencyMs.toFixed(1)} ms`;
  if (sizeBytes !== undefined && cost.sizeBytes > sizeBytes)
    return `--max-size: its model has ${(cost.sizeBytes / 1e6).toFixed(1)} MB`;
  return undefined;
}

function noneFits({ latencyMs, sizeBytes }: CostLimits, leftOut: readonly LeftOut[]): Error {
  const limited = leftOut.filter(({ reason }) => reason.startsWith("--"));
  if (limited.length === 0) {
    const first = leftOut[0];
    return usageError(
      `There is no network to choose from${first ? `, such as ${first.name}: ${first.reason}` : ""}: fetch one with \`graft networks pull resnet50\`, or name a file with --network.`,
    );
  }
  const limits = [
    ...(latencyMs === undefined ? [] : [`--latency ${latencyMs}ms`]),
    ...(sizeBytes === undefined ? [] : [`--max-size ${sizeBytes / 1e6}MB`]),
  ];
  const each = limited.map(({ name, reason }) => `${name} (${reason})`).join("; ");
  return usageError(`No network is within ${limits.join(" and ")}: ${each}: raise the limit.`);
}
