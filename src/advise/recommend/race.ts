/**
 * The race of networks within a budget of seconds, by successive halving: networks process growing samples of the images, and the worse half drops
 * out after each rung. Plans the rungs and runs them; the final ranking is in ranking.ts.
 * Source: K. Jamieson and A. Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization" (arXiv 1502.07943), with
 * unequal costs: a plan assumes that the slowest networks survive.
 */
import { createMeter, type OnProgress } from "../../base/progress.ts";
import type { CandidateRun } from "./candidate-run.ts";
import { type EvaluationSample, FIRST_OF_CLASS } from "./evaluation-sample.ts";
import { isBetter } from "./ranking.ts";

/** The cost of a network in the race. */
export interface PlannedNetwork {
  readonly name: string;
  /** Seconds for one more image, including decoding. */
  readonly secondsPerImage: number;
  /** Seconds per image for evaluating a probe on the features. */
  readonly evaluationPerImage: number;
  /** Seconds still needed before its first image, such as for opening it. */
  readonly overhead: number;
  /** Images that it has already seen. */
  readonly seen: number;
}

export interface RaceLimits {
  /** Available images. */
  readonly images: number;
  /** The minimum of a rung. */
  readonly fewest: number;
  /** Available seconds. */
  readonly seconds: number;
}

/** The plan of a race. */
export interface RacePlan {
  /** Networks for which there is time. */
  readonly racing: readonly string[];
  /** The slowest networks, for which there is no time, with the seconds that one rung of each would take. */
  readonly tooSlow: readonly { readonly name: string; readonly seconds: number }[];
  /** The images of the next and later rungs, and the number of networks in each. */
  readonly rungs: readonly { readonly images: number; readonly networks: number }[];
  /** Maximum seconds of all rungs. */
  readonly seconds: number;
}

/** The growth of images from rung to rung, equal to the shrinkage of networks. */
const FACTOR = 2;
/** The minimum number of networks in the last rung, if there are as many. */
const FINALISTS = 2;

/** Seconds of a rung in which each network sees `images` images in total, and is evaluated. */
const rungSeconds = (networks: readonly PlannedNetwork[], images: number): number =>
  networks.reduce(
    (sum, { secondsPerImage, evaluationPerImage, overhead, seen }) =>
      sum + overhead + secondsPerImage * Math.max(0, images - seen) + evaluationPerImage * images,
    0,
  );

/** The networks, slowest first, by the seconds of a rung of the fewest images. */
const slowestFirst = (networks: readonly PlannedNetwork[], fewest: number): PlannedNetwork[] =>
  [...networks].sort((a, b) => rungSeconds([b], fewest) - rungSeconds([a], fewest));

/** Seconds of all rungs with these numbers of images, for networks ordered slowest first. */
function raceSeconds(networks: readonly PlannedNetwork[], sizes: readonly number[]): number {
  let sum = 0;
  let alive = networks;
  let before = 0;
  for (const images of sizes) {
    sum += rungSeconds(
      alive.map((network) =>
        before === 0 ? network : { ...network, overhead: 0, seen: Math.max(network.seen, before) },
      ),
      images,
    );
    before = images;
    alive = alive.slice(0, survivors(alive.length));
  }
  return sum;
}

/** How many networks survive a rung of `count`. */
export const survivors = (count: number): number => Math.max(Math.min(count, FINALISTS), Math.ceil(count / FACTOR));

/** The images of each rung, from `first` up to a maximum. */
const sizesOf = (first: number, rungs: number, images: number): number[] =>
  Array.from({ length: rungs }, (_, rung) => Math.min(images, first * FACTOR ** rung));

/** The largest first rung for which a race of `rungs` fits into the time; 0 if none fits. */
function largestFirst(
  networks: readonly PlannedNetwork[],
  rungs: number,
  { images, fewest, seconds }: RaceLimits,
): number {
  const fits = (first: number): boolean => raceSeconds(networks, sizesOf(first, rungs, images)) <= seconds;
  let [low, high] = [fewest, images];
  if (!fits(low)) return 0;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/**
 * Plans the rest of a race. Called again after each rung with updated costs: if the slowest networks did not survive, the saved time goes
 * into later rungs.
 */
export function planRace(networks: readonly PlannedNetwork[], limits: RaceLimits): RacePlan {
  const fewest = Math.min(limits.fewest, limits.images);
  const ordered = slowestFirst(networks, fewest);
  const tooSlow: { name: string; seconds: number }[] = [];
  for (let from = 0; from < ordered.length; from++) {
    const racing = ordered.slice(from);
    const best = bestRace(racing, { ...limits, fewest });
    if (best) {
      const networks = best.map((_, rung) => {
        let count = racing.length;
        for (let i = 0; i < rung; i++) count = survivors(count);
        return count;
      });
      return {
        racing: racing.map(({ name }) => name),
        tooSlow,
        rungs: best.map((images, rung) => ({ images, networks: networks[rung]! })),
        seconds: raceSeconds(racing, best),
      };
    }
    tooSlow.push({ name: ordered[from]!.name, seconds: rungSeconds([ordered[from]!], fewest) });
  }
  return { racing: [], tooSlow, rungs: [], seconds: 0 };
}

/** The race whose last rung has the most images; of equals the one with the fewest rungs. */
function bestRace(networks: readonly PlannedNetwork[], limits: RaceLimits): number[] | undefined {
  let best: number[] | undefined;
  for (let rungs = 1, last = networks.length; ; rungs++, last = survivors(last)) {
    const first = largestFirst(networks, rungs, limits);
    if (first > 0) {
      const sizes = sizesOf(first, rungs, limits.images);
      if (!best || sizes.at(-1)! > best.at(-1)!) best = sizes;
    }
    if (survivors(last) === last) return best;
  }
}

// Running the race.

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
