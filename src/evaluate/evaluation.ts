/** What is known of a classifier after it was asked about examples whose answer is known. Plain data, ready for JSON. */
import type { Interval } from "./interval.ts";

/** Fewer examples than this tell hardly anything of a class: with 10 of 10 found, its true recall may be 72%. */
export const FEW_EXAMPLES = 10;

/** How one class fared. */
export interface ClassScores {
  readonly name: string;
  /** Examples that are of this class. */
  readonly support: number;
  /** Examples that were called this class. */
  readonly predicted: number;
  /** Share of the examples called this class that are; null where none was called so. */
  readonly precision: number | null;
  /** Share of the examples of this class that were found; null where there is none. */
  readonly recall: number | null;
  /** 95% Wilson intervals of both; null where they are. */
  readonly precisionInterval: Interval | null;
  readonly recallInterval: Interval | null;
  /** Whether the examples of this class are so few (below {@link FEW_EXAMPLES}) that its figures say hardly anything. */
  readonly few: boolean;
  /** Harmonic mean of both, 2·TP / (support + predicted); null where the class neither occurs nor is predicted. */
  readonly f1: number | null;
}

/** Examples whose top probability falls in ]`lower`, `upper`]. */
export interface ReliabilityBin {
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
  /** Mean top probability; null in an empty bin. */
  readonly confidence: number | null;
  /** Share answered rightly; null in an empty bin. */
  readonly accuracy: number | null;
}

/** The result of {@link import("./evaluate.ts").evaluatePredictions}. Shares are in [0, 1]. */
export interface Evaluation {
  readonly examples: number;
  readonly correct: number;
  readonly accuracy: number;
  /** How many examples that stand alone tell as much: fewer than `examples` where some belong together. Missing in older files. */
  readonly effectiveExamples?: number;
  /** 95% Wilson interval of the accuracy, from `effectiveExamples`. */
  readonly interval: Interval;
  /** Mean recall of the classes that have examples. */
  readonly balancedAccuracy: number;
  /** Mean negative log of the true class's probability, in nats; probabilities below 2^-23 count as 2^-23. */
  readonly logLoss: number;
  /** Examples whose true class had less than 2^-23, for which `logLoss` is therefore too kind. */
  readonly logLossFloored: number;
  /** Mean squared distance of the probabilities from the truth, summed over the classes, in [0, 2]: Brier 1950. */
  readonly brier: number;
  /** Expected calibration error of the top probability, 15 bins of equal width. */
  readonly calibrationError: number;
  readonly reliability: readonly ReliabilityBin[];
  readonly perClass: readonly ClassScores[];
  /** `[truth][prediction]` counts, `[C, C]`. */
  readonly confusion: readonly (readonly number[])[];
  /** Always answering the class most frequent in training; null where that class was not given. */
  readonly baseline: { readonly class: string; readonly accuracy: number } | null;
}
