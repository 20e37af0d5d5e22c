/** The result of evaluating a classifier on labelled examples. Plain data, ready for JSON. */
import type { ReliabilityBin } from "./calibration-error.ts";
import type { Interval } from "./interval.ts";

/** Below this many examples a class's figures are too uncertain: with 10 of 10 found, its true recall may be 72%. */
export const FEW_EXAMPLES = 10;

/** The scores of one class. */
export interface ClassScores {
  readonly name: string;
  /** Examples of this class. */
  readonly support: number;
  /** Examples predicted as this class. */
  readonly predicted: number;
  /** Share of the examples predicted as this class that are of it; null if none was. */
  readonly precision: number | null;
  /** Share of the examples of this class that were predicted as it; null if there are none. */
  readonly recall: number | null;
  /** 95% Wilson intervals of both; null where the figure is. */
  readonly precisionInterval: Interval | null;
  readonly recallInterval: Interval | null;
  /** Whether this class has fewer than {@link FEW_EXAMPLES} examples, too few for reliable figures. */
  readonly few: boolean;
  /** Harmonic mean of both, 2·TP / (support + predicted); null where the class neither occurs nor is predicted. */
  readonly f1: number | null;
}

/** The result of `evaluatePredictions`. Shares are in [0, 1]. */
export interface Evaluation {
  readonly examples: number;
  readonly correct: number;
  readonly accuracy: number;
  /** The number of independent examples that carry as much information: fewer than `examples` if some are grouped. Missing in older files. */
  readonly effectiveExamples?: number | undefined;
  /** 95% Wilson interval of the accuracy, from `effectiveExamples`. */
  readonly interval: Interval;
  /** Mean recall of the classes that have examples. */
  readonly balancedAccuracy: number;
  /** Mean negative log of the true class's probability, in nats; probabilities below 2^-23 count as 2^-23. */
  readonly logLoss: number;
  /** Examples whose true class had less than 2^-23, for which `logLoss` is too low. */
  readonly logLossFloored: number;
  /** Mean squared distance of the probabilities from the truth, summed over the classes, in [0, 2]: Brier 1950. */
  readonly brier: number;
  /** Expected calibration error of the top probability, 15 bins of equal width. */
  readonly calibrationError: number;
  readonly reliability: readonly ReliabilityBin[];
  readonly perClass: readonly ClassScores[];
  /** `[truth][prediction]` counts, `[C, C]`. */
  readonly confusion: readonly (readonly number[])[];
  /** Always predicting the most frequent class in training; null if that class was not given. */
  readonly baseline: { readonly class: string; readonly accuracy: number } | null;
}
