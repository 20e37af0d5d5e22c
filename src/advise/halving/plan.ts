/**
 * Successive halving under a budget of seconds: how many pictures each network sees in a rung before the worse half of them goes.
 * Source: K. Jamieson and A. Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization" (arXiv
 * 1502.07943), with unequal costs: a rung is reckoned as if the slowest networks survived. Plans only; nothing runs here.
 */

/** What a network costs. */
export interface Runner {
  readonly name: string;
  /** For one more picture, decoding included. */
  readonly secondsPerPicture: number;
  /** For judging it by features of one picture: the probe's share. */
  readonly judgingPerPicture: number;
  /** Seconds before its first picture that are still to be spent, as for opening it. */
  readonly overhead: number;
  /** Pictures that it has seen already. */
  readonly seen: number;
}

export interface Limits {
  /** Pictures there are. */
  readonly pictures: number;
  /** Fewer say nothing. */
  readonly fewest: number;
  /** That may be spent. */
  readonly seconds: number;
}

/** The next thing to do. */
export interface Plan {
  /** Networks that there is time for. */
  readonly racing: readonly string[];
  /** Networks that there is none for, the slowest, with the seconds that one rung of each would take. */
  readonly tooSlow: readonly { readonly name: string; readonly seconds: number }[];
  /** Pictures of the rungs from the next on, and how many networks run in each. */
  readonly rungs: readonly { readonly pictures: number; readonly networks: number }[];
  /** Of all rungs, at the most. */
  readonly seconds: number;
}

/** Pictures of a rung as a multiple of the one before; as much as the networks become fewer. */
const FACTOR = 2;
/** The last rung compares at least so many, where there are as many. */
const FINALISTS = 2;

/** Seconds of a rung in which each of the runners comes to `pictures`, and is judged. */
const rungSeconds = (runners: readonly Runner[], pictures: number): number =>
  runners.reduce(
    (sum, { secondsPerPicture, judgingPerPicture, overhead, seen }) =>
      sum + overhead + secondsPerPicture * Math.max(0, pictures - seen) + judgingPerPicture * pictures,
    0,
  );

/** The slowest of the runners, and the seconds of one rung of the fewest pictures for each of them. */
const slowestFirst = (runners: readonly Runner[], fewest: number): Runner[] =>
  [...runners].sort((a, b) => rungSeconds([b], fewest) - rungSeconds([a], fewest));

/** Seconds of all rungs, the first of `first` pictures, where `runners` come slowest first. */
function raceSeconds(runners: readonly Runner[], sizes: readonly number[]): number {
  let sum = 0;
  let alive = runners;
  let before = 0;
  for (const pictures of sizes) {
    sum += rungSeconds(
      alive.map((runner) => (before === 0 ? runner : { ...runner, overhead: 0, seen: Math.max(runner.seen, before) })),
      pictures,
    );
    before = pictures;
    alive = alive.slice(0, survivors(alive.length));
  }
  return sum;
}

/** How many networks go on from a rung of `count`. */
export const survivors = (count: number): number => Math.max(Math.min(count, FINALISTS), Math.ceil(count / FACTOR));

/** Pictures of each rung, the first of `first`, over so many. */
const sizesOf = (first: number, rungs: number, pictures: number): number[] =>
  Array.from({ length: rungs }, (_, rung) => Math.min(pictures, first * FACTOR ** rung));

/** The largest first rung that a race of so many rungs has time for; nothing where there is none. */
function largestFirst(runners: readonly Runner[], rungs: number, { pictures, fewest, seconds }: Limits): number {
  const fits = (first: number): boolean => raceSeconds(runners, sizesOf(first, rungs, pictures)) <= seconds;
  let [low, high] = [fewest, pictures];
  if (!fits(low)) return 0;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

/**
 * Plans what is left of a race. Called again after each rung, with what is known by then: the slowest need not have survived, and
 * the time that this saves goes into later rungs.
 */
export function planRace(runners: readonly Runner[], limits: Limits): Plan {
  const fewest = Math.min(limits.fewest, limits.pictures);
  const ordered = slowestFirst(runners, fewest);
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
        rungs: best.map((pictures, rung) => ({ pictures, networks: networks[rung]! })),
        seconds: raceSeconds(racing, best),
      };
    }
    tooSlow.push({ name: ordered[from]!.name, seconds: rungSeconds([ordered[from]!], fewest) });
  }
  return { racing: [], tooSlow, rungs: [], seconds: 0 };
}

/** The race whose last rung sees the most pictures; of equals that with the fewest rungs. */
function bestRace(runners: readonly Runner[], limits: Limits): number[] | undefined {
  let best: number[] | undefined;
  for (let rungs = 1, last = runners.length; ; rungs++, last = survivors(last)) {
    const first = largestFirst(runners, rungs, limits);
    if (first > 0) {
      const sizes = sizesOf(first, rungs, limits.pictures);
      if (!best || sizes.at(-1)! > best.at(-1)!) best = sizes;
    }
    if (survivors(last) === last) return best;
  }
}
