/** Which runs a comparison makes, in which order, and how long each may take. Pure. */
import type { Road } from "./run.ts";

/** A run that is to be made. */
export interface Wanted {
  readonly road: Road;
  readonly pictures: number;
  readonly seed: number;
  /** Seconds that it may take, as far as it can be told how long to train. */
  readonly seconds: number;
}

export interface Schedule {
  /** Seconds for tuning the road from scratch. */
  readonly tuningSeconds: number;
  readonly runs: readonly Wanted[];
}

/** Shares of the pictures in the order in which they are run: little first, which tells how long much will take; then all, which decides. */
const SHARES = [1 / 8, 1, 1 / 4, 1 / 2] as const;
/** Of the other seeds only these. */
const REPEATED = [1, 1 / 4] as const;
/** The most seeds; a seed is another way to deal the pictures. */
const MOST_SEEDS = 3;
/** A training on all pictures that has less than this says little: fewer seeds then. */
const FEWEST_SECONDS = 12;
/** Tuning takes as long as so many trainings on all pictures. */
const TUNING = 1;

/**
 * Plans a comparison.
 *
 * @param pictures that may be learned from
 * @param fewest pictures of a run, so that each class has some
 * @param seconds for all trainings
 */
export function scheduleFor({
  pictures,
  fewest,
  seconds,
}: {
  readonly pictures: number;
  readonly fewest: number;
  readonly seconds: number;
}): Schedule {
  for (let seeds = MOST_SEEDS; ; seeds--) {
    const sizes = (shares: readonly number[]): number[] =>
      [...new Set(shares.map((share) => Math.round(share * pictures)))].filter(
        (size) => size >= fewest || size === pictures,
      );
    const dealt = Array.from({ length: seeds }, (_, seed) => ({ seed, sizes: sizes(seed === 0 ? SHARES : REPEATED) }));
    const units = dealt.flatMap((one) => one.sizes).reduce((sum, size) => sum + size / pictures, 0);
    // Two roads take their time; a probe is nearly free.
    const perFull = seconds / (2 * units + TUNING);
    if (perFull < FEWEST_SECONDS && seeds > 1) continue;
    return {
      tuningSeconds: TUNING * perFull,
      runs: dealt.flatMap((one) =>
        one.sizes.flatMap((size) =>
          (["probe", "scratch", "fine-tune"] as const).map((road) => ({
            road,
            pictures: size,
            seed: one.seed,
            seconds: (perFull * size) / pictures,
          })),
        ),
      ),
    };
  }
}
