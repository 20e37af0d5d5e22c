/** Seeded bootstrap confidence intervals of figures measured on few examples. Knows nothing of what the figures mean. */
import type { Random } from "../base/random.ts";
import type { Interval } from "./interval.ts";

/** A figure in [0, ∞) with its 95% interval. */
export interface Estimate {
  readonly value: number;
  readonly interval: Interval;
}

/** Resamples: at most 1000, and fewer (down to 200) for many examples, whose estimates hardly vary. */
const RESAMPLES = 1000;
const FEWEST_RESAMPLES = 200;
const DRAWS = 5e6;

const [LOW, HIGH] = [0.025, 0.975];

/**
 * Estimates several figures of the same `rows` examples from the same resamples, each with a 95% interval.
 *
 * The interval is the basic one, 2θ − q: figures such as the calibration error are biased upwards on few examples, and more so on
 * resamples of them; the basic interval corrects for that bias.
 * Source: A. Davison and D. Hinkley, "Bootstrap methods and their application" (1997), section 5.2.
 *
 * @param figures maps how often each example counts, `[rows]`, to the figures; called with all ones for the sample itself
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
