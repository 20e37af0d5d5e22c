/** How sure one can be of figures that were measured on few examples: seeded bootstrap intervals. */
import type { Random } from "../base/random.ts";
import type { Interval } from "./interval.ts";

/** A figure in [0, ∞) with its 95% interval. */
export interface Estimate {
  readonly value: number;
  readonly interval: Interval;
}

/** Resamples, at most; of many examples fewer do, since what they tell hardly varies. */
const RESAMPLES = 1000;
const FEWEST_RESAMPLES = 200;
const DRAWS = 5e6;

const [LOW, HIGH] = [0.025, 0.975];

/**
 * Estimates of several figures of the same `rows` examples, from the same resamples. The interval is the basic one, 2θ − q: figures such
 * as the calibration error are too high on few examples, and higher still on resamples of these, which the basic interval takes off.
 * Source: A. Davison and D. Hinkley, "Bootstrap methods and their application" (1997), section 5.2.
 *
 * @param figures from how often each example counts, `[rows]`, to the figures; those of the examples themselves are asked for with ones
 */
export function bootstrap(
  rows: number,
  figures: (counts: Uint16Array) => readonly number[],
  random: Random,
): readonly Estimate[] {
  const values = figures(new Uint16Array(rows).fill(1));
  const resamples = Math.min(RESAMPLES, Math.max(FEWEST_RESAMPLES, Math.floor(DRAWS / rows)));
  const counts = new Uint16Array(rows);
  const drawn = Array.from({ length: resamples }, () => {
    counts.fill(0);
    for (let i = 0; i < rows; i++) counts[random.below(rows)]!++;
    return figures(counts);
  });
  return values.map((value, figure) => {
    const sorted = Float64Array.from(drawn, (one) => one[figure]!).sort();
    const quantile = (share: number): number => sorted[Math.round(share * (resamples - 1))]!;
    return { value, interval: [Math.max(0, 2 * value - quantile(HIGH)), Math.max(0, 2 * value - quantile(LOW))] };
  });
}
