/**
 * Calibrates a classifier: fits the temperature and measures its effect without bias. Each example of the fit is scored at the
 * temperature of the other folds; test examples get bootstrap intervals. Runs no model.
 */

import { usageError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import type { Interval } from "./intervals.ts";
import { argmax, type Labels, logLosses, softmax, type Values } from "./logits.ts";
import { fitTemperature, type Temperature } from "./temperature.ts";

/** A fitted temperature, and the calibration of the examples it was fitted on, each scored at the temperature of the other folds. */
export interface Calibration {
  readonly temperature: number;
  /** Whether the search ended at a bound; see {@link Temperature}. */
  readonly bound: Temperature["bound"];
  /** Examples that it was fitted on, and how many of them were misclassified. */
  readonly examples: number;
  readonly errors: number;
  /** Expected calibration error in [0, 1], at temperature 1. */
  readonly eceBefore: number;
  /** The same, each example at a temperature that was fitted without it. */
  readonly eceAfter: number;
  readonly binsBefore: readonly ReliabilityBin[];
  readonly binsAfter: readonly ReliabilityBin[];
}

/** How well probabilities are calibrated, with 95% intervals; lower is better. */
export interface CalibrationScores {
  /** Expected calibration error of the top probability, in [0, 1]. */
  readonly ece: Estimate;
  /** Mean negative log of the true class's probability, in nats. */
  readonly logLoss: Estimate;
  /** Mean squared distance of the probabilities from the truth, summed over the classes, in [0, 2]: Brier 1950. */
  readonly brier: Estimate;
  readonly bins: readonly ReliabilityBin[];
}

/** The calibration of examples that took no part in the fit, before and after temperature scaling. */
export interface MeasuredCalibration {
  readonly examples: number;
  readonly before: CalibrationScores;
  readonly after: CalibrationScores;
}

/**
 * Fits the temperature ({@link fitTemperature}) on all examples, and measures its effect by cross-fitting.
 *
 * @param logits `[N, C]` of examples that the head was not trained on (a held-out set, or out-of-fold predictions)
 * @param labels `[N]`
 * @param classes `C`
 * @param foldOf `[N]`: examples of one fold are scored at a temperature that was fitted without them
 * @throws GraftError (`usage`) if shapes do not match, (`data`) if a logit is not finite
 */
export function calibrate(logits: Values, labels: Labels, classes: number, foldOf: ArrayLike<number>): Calibration {
  checkShape(logits, labels, classes);
  const { temperature, bound, examples, errors } = fitTemperature(logits, labels);
  const binsBefore = reliabilityBins(softmax(logits, classes), labels, classes);
  const binsAfter = reliabilityBins(crossFitted(logits, labels, classes, foldOf), labels, classes);
  return {
    temperature,
    bound,
    examples,
    errors,
    eceBefore: calibrationError(binsBefore),
    eceAfter: calibrationError(binsAfter),
    binsBefore,
    binsAfter,
  };
}

/** `[N, C]` probabilities, each example's at the temperature fitted on the other folds; at 1 if there is only one fold. */
export function crossFitted(logits: Values, labels: Labels, classes: number, foldOf: ArrayLike<number>): Float32Array {
  const rows = Array.from({ length: labels.length }, (_, row) => row);
  const probabilities = new Float32Array(logits.length);
  for (const fold of new Set(Array.from(foldOf))) {
    const [own, others] = [rows.filter((row) => foldOf[row] === fold), rows.filter((row) => foldOf[row] !== fold)];
    const at =
      others.length === 0
        ? 1
        : fitTemperature(
            picked(logits, others, classes),
            others.map((row) => labels[row]!),
          ).temperature;
    const predicted = softmax(picked(logits, own, classes), classes, at);
    own.forEach((row, i) => {
      probabilities.set(predicted.subarray(i * classes, (i + 1) * classes), row * classes);
    });
  }
  return probabilities;
}

const picked = (logits: Values, rows: readonly number[], classes: number): Float32Array => {
  const chosen = new Float32Array(rows.length * classes);
  rows.forEach((row, i) => {
    for (let c = 0; c < classes; c++) chosen[i * classes + c] = logits[row * classes + c]!;
  });
  return chosen;
};

/**
 * Measures the calibration of examples that neither head nor temperature was fitted on, with bootstrap intervals.
 *
 * @param logits `[N, C]`, N at least 1
 * @param labels `[N]`
 */
export function measureCalibration(
  logits: Values,
  labels: Labels,
  classes: number,
  temperature: number,
  random: Random,
): MeasuredCalibration {
  checkShape(logits, labels, classes);
  const scoresAt = (at: number): CalibrationScores => {
    const probabilities = softmax(logits, classes, at);
    const losses = logLosses(
      Float32Array.from(logits, (logit) => logit / at),
      labels,
      classes,
    );
    const [ece, logLoss, brier] = bootstrap(labels.length, figuresOf(probabilities, losses, labels, classes), random);
    return { ece: ece!, logLoss: logLoss!, brier: brier!, bins: reliabilityBins(probabilities, labels, classes) };
  };
  return { examples: labels.length, before: scoresAt(1), after: scoresAt(temperature) };
}

/** Maps how often each example counts to calibration error, log loss and Brier score. */
function figuresOf(
  probabilities: Float32Array,
  losses: Float64Array,
  labels: Labels,
  classes: number,
): (counts: Uint16Array) => number[] {
  const examples = labels.length;
  const bins = new Uint8Array(examples);
  const gaps = new Float64Array(examples);
  const squares = new Float64Array(examples);
  for (let i = 0; i < examples; i++) {
    const predicted = argmax(probabilities, i * classes, classes);
    const top = probabilities[i * classes + predicted]!;
    bins[i] = binOf(top);
    gaps[i] = top - (predicted === labels[i] ? 1 : 0);
    for (let c = 0; c < classes; c++) squares[i]! += (probabilities[i * classes + c]! - (c === labels[i] ? 1 : 0)) ** 2;
  }
  const gapOf = new Float64Array(calibrationBins);
  return (counts) => {
    gapOf.fill(0);
    let [loss, square] = [0, 0];
    for (let i = 0; i < examples; i++) {
      const count = counts[i]!;
      if (count === 0) continue;
      gapOf[bins[i]!]! += count * gaps[i]!;
      loss += count * losses[i]!;
      square += count * squares[i]!;
    }
    return [gapOf.reduce((sum, gap) => sum + Math.abs(gap), 0) / examples, loss / examples, square / examples];
  };
}

function checkShape(logits: ArrayLike<number>, labels: ArrayLike<number>, classes: number): void {
  if (logits.length !== labels.length * classes)
    throw usageError(
      `Expected logits [N, C], but ${logits.length} logits do not match ${labels.length} labels and ${classes} classes.`,
    );
}

// Reliability bins and the expected calibration error: whether examples with 90% confidence are correct nine times in ten.

/** Examples with a top probability in ]`lower`, `upper`]. */
export interface ReliabilityBin {
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
  /** Mean top probability; null in an empty bin. */
  readonly confidence: number | null;
  /** Share of correct predictions; null in an empty bin. */
  readonly accuracy: number | null;
}

/** Bins of equal width over [0, 1], as in the paper. */
export const calibrationBins = 15;

/** The bin of a top probability. */
export const binOf = (top: number): number =>
  Math.min(calibrationBins - 1, Math.max(0, Math.ceil(top * calibrationBins) - 1));

/**
 * Sorts the examples by top probability into ]0, 1/15], ]1/15, 2/15], … and compares, per bin, the mean top probability with the
 * accuracy.
 * Source: C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", arXiv 1706.04599, equations 1–2.
 *
 * @param probabilities `[N, C]`
 * @param labels `[N]`
 * @param classes `C`
 */
export function reliabilityBins(probabilities: Values, labels: Labels, classes: number): ReliabilityBin[] {
  const counts = new Array<number>(calibrationBins).fill(0);
  const correct = new Array<number>(calibrationBins).fill(0);
  const confidence = new Array<number>(calibrationBins).fill(0);
  for (let i = 0; i < labels.length; i++) {
    const predicted = argmax(probabilities, i * classes, classes);
    const top = probabilities[i * classes + predicted]!;
    const bin = binOf(top);
    counts[bin]!++;
    confidence[bin]! += top;
    if (predicted === labels[i]) correct[bin]!++;
  }
  return counts.map((count, bin) => ({
    lower: bin / calibrationBins,
    upper: (bin + 1) / calibrationBins,
    count,
    confidence: count === 0 ? null : confidence[bin]! / count,
    accuracy: count === 0 ? null : correct[bin]! / count,
  }));
}

/**
 * The expected calibration error in [0, 1]: the gap between confidence and accuracy, averaged over the bins weighted by their
 * examples. 0 if there are no examples. Source: arXiv 1706.04599, equation 3.
 */
export function calibrationError(bins: readonly ReliabilityBin[]): number {
  const examples = bins.reduce((sum, { count }) => sum + count, 0);
  return bins.reduce(
    (sum, { count, confidence, accuracy }) =>
      confidence === null || accuracy === null ? sum : sum + (count / examples) * Math.abs(accuracy - confidence),
    0,
  );
}

// Seeded bootstrap: confidence intervals of figures measured on few examples, whatever the figures mean.

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
