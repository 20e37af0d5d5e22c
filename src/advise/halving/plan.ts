/**
 * Plans successive halving within a budget of seconds: how many images each network sees in a rung before the worse half drops out. Plans
 * only; nothing runs here.
 * Source: K. Jamieson and A. Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization" (arXiv 1502.07943), with
 * unequal costs: a plan assumes that the slowest networks survive.
 */

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
