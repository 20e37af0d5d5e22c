/**
 * The race: networks process growing samples of the images, the worse half drops out after each rung, and the race ends within its time.
 * Rungs are planned by {@link planRace}; the final ranking is by `rankNetworks`.
 */
import { createMeter, type OnProgress } from "../../base/progress.ts";
import { FIRST_OF_CLASS } from "../halving/order.ts";
import { type PlannedNetwork, planRace, type RacePlan, survivors } from "../halving/plan.ts";
import type { CandidateRun } from "./contestant.ts";
import type { EvaluationSample } from "./gallery.ts";
import { isBetter } from "./standing.ts";

export interface RaceOptions {
  /** Seconds of the race. */
  readonly seconds: number;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** A monotonic clock in milliseconds. */
  readonly now?: (() => number) | undefined;
}

/** A network for which there was no time. */
export interface NoTime {
  readonly candidateRun: CandidateRun;
  /** Seconds that its smallest rung would have taken. */
  readonly seconds: number;
}

/** A guess of the seconds for evaluating one image's features (probe fits and scores), until the first evaluation is measured. */
export const EVALUATION_GUESS = 0.004;
/** The share of the time that is planned; the rest is a reserve. */
const PLANNED_SHARE = 0.92;

/** Maximum bytes of open weights; beyond, each network is closed before the next one runs. */
const OPEN_AT_ONCE = 1 << 30;

/** The minimum number of images for an evaluation: a few per class. */
export const fewestImages = ({ classes, paths }: EvaluationSample): number =>
  Math.min(paths.length, FIRST_OF_CLASS * classes.length);

/** Runs the race. Results are in the candidate runs; returns those for which there was no time. */
export async function race(
  candidateRuns: readonly CandidateRun[],
  sample: EvaluationSample,
  options: RaceOptions,
): Promise<readonly NoTime[]> {
  const { now = () => performance.now(), signal } = options;
  const end = now() + options.seconds * 1000;
  const fewest = fewestImages(sample);
  const noTime: NoTime[] = [];
  let racing = [...candidateRuns];
  let before = 0;
  for (let rung = 1; ; rung++) {
    const plan = planOf(racing, sample, before, ((end - now()) / 1000) * PLANNED_SHARE);
    if (rung === 1) {
      for (const { name, seconds } of plan.tooSlow)
        noTime.push({ candidateRun: racing.find((one) => one.name === name)!, seconds });
      racing = racing.filter(({ name }) => plan.racing.includes(name));
    }
    const next = plan.rungs[0];
    // Stops if there is no time for the remaining networks, nothing left to see, or the next rung would be too small to tell more.
    if (!next || racing.length === 0 || (rung > 1 && (plan.tooSlow.length > 0 || next.images <= before))) return noTime;
    const evaluationSeconds = racing.reduce((sum, one) => sum + evaluationPerImage(one), 0) * next.images;
    const hasTime = (): boolean => now() < end - evaluationSeconds * 1000;
    const stage = stageName(rung, racing, next.images);
    before = await runRung(racing, next.images, fewest, { ...options, hasTime, stage });
    signal?.throwIfAborted();
    if (before === sample.paths.length) return noTime;
    racing = best(racing, survivors(racing.length), before);
  }
}

const stageName = (rung: number, racing: readonly CandidateRun[], images: number): string =>
  `Round ${rung}: ${racing.length} network${racing.length === 1 ? "" : "s"} on ${images} images`;

/** Plans the rest of the race with the costs known so far. */
function planOf(
  racing: readonly CandidateRun[],
  { paths, classes }: EvaluationSample,
  before: number,
  seconds: number,
): RacePlan {
  const fewest = FIRST_OF_CLASS * classes.length;
  const runners = racing.map((one): PlannedNetwork => {
    const { name, cost, seen } = one;
    const secondsPerImage = 1 / cost.overallPerSecond;
    return { name, secondsPerImage, evaluationPerImage: evaluationPerImage(one), overhead: 0, seen };
  });
  // A rung that adds less than half of what was seen hardly tells more.
  const worthwhile = before === 0 ? fewest : Math.ceil(1.5 * before);
  return planRace(runners, { images: paths.length, fewest: worthwhile, seconds });
}

const evaluationPerImage = ({ evaluation }: CandidateRun): number =>
  evaluation ? evaluation.seconds / evaluation.images : EVALUATION_GUESS;

interface RungOptions extends RaceOptions {
  readonly hasTime: () => boolean;
  readonly stage: string;
}

/** Runs one rung; returns the number of images that all networks have seen, fewer than planned if time ran out. */
async function runRung(
  racing: readonly CandidateRun[],
  images: number,
  fewest: number,
  { onProgress, signal, hasTime, stage }: RungOptions,
): Promise<number> {
  const total = racing.reduce((sum, { seen }) => sum + Math.max(0, images - seen), 0);
  const meter = createMeter({ stage, unit: "images", total, onProgress });
  const isCrowded = racing.reduce((sum, { cost }) => sum + cost.sizeBytes, 0) > OPEN_AT_ONCE;
  for (const one of racing) {
    // The minimum is always seen, or else the race would have no result.
    const needed = (): boolean => one.seen < fewest || hasTime();
    await one.see(images, { hasTime: needed, onImages: (count) => meter.add(count), signal });
    if (isCrowded) await one.rest();
  }
  const common = Math.min(images, ...racing.map(({ seen }) => seen));
  for (const one of racing) {
    signal?.throwIfAborted();
    await one.evaluate(common, signal);
  }
  return common;
}

/** The best `count` networks by their evaluations on the same images. */
function best(racing: readonly CandidateRun[], count: number, images: number): CandidateRun[] {
  const resultOf = ({ evaluation }: CandidateRun) => ({ ...evaluation!, images });
  return [...racing].sort((a, b) => (isBetter(resultOf(a), resultOf(b)) ? -1 : 1)).slice(0, count);
}
