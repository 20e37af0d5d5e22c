/** Calibration as one step: fit the temperature, and show what it did to the calibration error. */
import { usageError } from "../base/errors.ts";
import { calibrationError, reliabilityBins } from "./calibration-error.ts";
import type { ReliabilityBin } from "./evaluation.ts";
import { softmax } from "./softmax.ts";
import { fitTemperature, type Temperature } from "./temperature.ts";

/** How well the probabilities of one set of examples are calibrated without and with a temperature. */
export interface CalibrationComparison {
  readonly temperature: number;
  /** Expected calibration error in [0, 1], at temperature 1. */
  readonly eceBefore: number;
  /** The same at `temperature`. */
  readonly eceAfter: number;
  readonly binsBefore: readonly ReliabilityBin[];
  readonly binsAfter: readonly ReliabilityBin[];
}

/** A fitted temperature with its comparison. */
export interface Calibration extends CalibrationComparison {
  /** Whether the search ended at a bound; see {@link Temperature}. */
  readonly bound: Temperature["bound"];
}

/**
 * Fits the temperature ({@link fitTemperature}) and compares the calibration of the same examples before and after.
 * One number fitted to hundreds of examples flatters `eceAfter` little; {@link compareCalibration} on others is stricter.
 *
 * @param logits `[N, C]` of examples that the head was not trained on (a held-out set, or out-of-fold answers)
 * @param labels `[N]`
 * @param classes `C`
 * @throws a usage error where shapes do not fit, a data error where a logit is not finite
 */
export function calibrate(
  logits: Float32Array | readonly number[],
  labels: Int32Array | readonly number[],
  classes: number,
): Calibration {
  checkShape(logits, labels, classes);
  const { temperature, bound } = fitTemperature(logits, labels);
  return { ...compareCalibration(logits, labels, classes, temperature), bound };
}

/** The calibration of one set of examples (`logits` `[N, C]`, `labels` `[N]`) at temperature 1 and at another. */
export function compareCalibration(
  logits: Float32Array | readonly number[],
  labels: Int32Array | readonly number[],
  classes: number,
  temperature: number,
): CalibrationComparison {
  checkShape(logits, labels, classes);
  const binsBefore = reliabilityBins(softmax(logits, classes), labels, classes);
  const binsAfter = reliabilityBins(softmax(logits, classes, temperature), labels, classes);
  return {
    temperature,
    eceBefore: calibrationError(binsBefore),
    eceAfter: calibrationError(binsAfter),
    binsBefore,
    binsAfter,
  };
}

function checkShape(logits: ArrayLike<number>, labels: ArrayLike<number>, classes: number): void {
  if (logits.length !== labels.length * classes)
    throw usageError(
      `${logits.length} logits do not fit ${labels.length} labels and ${classes} classes: give [N, C] values.`,
    );
}
