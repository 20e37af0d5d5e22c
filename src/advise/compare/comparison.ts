/** The result of a comparison: plain data, for the command line, the report and library users. */
import type { Skipped } from "../../train/features/extract.ts";
import type { DomainGap } from "../gap/confidence.ts";
import type { Baseline } from "../recommend/gallery.ts";
import type { Curve, Savings } from "./curve.ts";
import type { Strategy } from "./run.ts";
import type { ComparisonVerdict, Lead } from "./verdict.ts";

export interface Comparison {
  readonly verdict: ComparisonVerdict["verdict"];
  /** The verdict and its evidence, as text. */
  readonly reason: string;
  /** The lead that supports the verdict, with its interval; undefined if there is none. */
  readonly evidence: Lead | undefined;
  readonly leads: readonly Lead[];
  /** One for each strategy that ran. */
  readonly roads: readonly Curve[];
  /** How many images one strategy would need to match another, if that can be estimated. */
  readonly savings: Savings | undefined;
  readonly baseline: Baseline;
  readonly classes: readonly string[];
  readonly network: { readonly name: string; readonly description: string; readonly licence: string };
  /** The network from scratch: its description, its name for `graft train --from-scratch --network`, its settings, and its epochs. */
  readonly scratch:
    | {
        readonly network: string;
        readonly name: string;
        readonly learningRate: number;
        readonly augment: string;
        readonly epochs: number;
      }
    | undefined;
  /** What fine-tuning trained: as for `--unfreeze`. */
  readonly unfreeze: string;
  /** Readable images, the most that one training learned from, and how many each was evaluated on. */
  readonly pictures: { readonly available: number; readonly learned: number; readonly judged: number };
  readonly keptForTest: number;
  readonly skipped: readonly Skipped[];
  readonly gap: DomainGap | undefined;
  /** The trainings of fine-tuning and of the network from scratch on all images of the first split. */
  readonly training: readonly StrategyTraining[];
  /** What would decide it, if a strategy could still win with more training; otherwise undefined. */
  readonly needs: Needs | undefined;
  /** Runs that were left out for lack of time. */
  readonly leftOut: readonly { readonly road: Strategy; readonly pictures: number; readonly seed: number }[];
  /** The budget in seconds; undefined if epochs bounded it. */
  readonly budgetSeconds: number | undefined;
  /** The maximum epochs of one training; undefined if seconds bounded it. */
  readonly epochs: number | undefined;
  readonly seconds: number;
  readonly interrupted: boolean;
}

/** The trainings of a strategy, each twice as long as the one before. */
export interface StrategyTraining {
  readonly road: Strategy;
  /** Whether doubling the training brought no further gain. */
  readonly flattened: boolean;
  /** The maximum accuracy of eight times the training, extrapolated from the last doubling; 1 if that cannot be estimated. */
  readonly couldReach: number;
  readonly trainings: readonly {
    readonly epochs: number;
    readonly seconds: number;
    /** On the evaluation images, on those learned from, and on those held out for validation. */
    readonly accuracy: number;
    readonly trainAccuracy: number;
    readonly validationLogLoss: number;
    /** Whether it stopped before its last epoch. */
    readonly isCut: boolean;
  }[];
}

/** What an undecided comparison needs for a verdict. */
export interface Needs {
  /** The strategies that could still win. */
  readonly roads: readonly Strategy[];
  /** Their epochs so far; 0 if no training has ended. */
  readonly epochs: number;
  /** Seconds of training them twice as long here; it may not be the last doubling. */
  readonly moreSeconds: number;
  /** What to pass instead of this comparison's budget or epochs. */
  readonly budgetSeconds: number | undefined;
  readonly moreEpochs: number | undefined;
}
