/** What a comparison of strategies is: plain data, for the command line, the report and whoever calls the library. */
import type { Skipped } from "../../train/features/extract.ts";
import type { DomainGap } from "../gap/confidence.ts";
import type { Baseline } from "../recommend/recommendation.ts";
import type { Curve, Savings } from "./curve.ts";
import type { Strategy } from "./run.ts";
import type { Lead, Verdict } from "./verdict.ts";

export interface Comparison {
  readonly verdict: Verdict["verdict"];
  /** The verdict and what backs it, in words. */
  readonly reason: string;
  /** The lead that backs the verdict, with its interval; nothing where there is none. */
  readonly evidence: Lead | undefined;
  readonly leads: readonly Lead[];
  /** One for each strategy that ran. */
  readonly roads: readonly Curve[];
  /** What one strategy would need to catch up with another, where that can be told. */
  readonly savings: Savings | undefined;
  readonly baseline: Baseline;
  readonly classes: readonly string[];
  readonly network: { readonly name: string; readonly description: string; readonly licence: string };
  /** The network from scratch, in words and as for `graft train --from-scratch --network`, how it was tuned, and the epochs that count. */
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
  /** Readable images that took part, the most that one training learned from, and how many each was judged on. */
  readonly pictures: { readonly available: number; readonly learned: number; readonly judged: number };
  readonly keptForTest: number;
  readonly skipped: readonly Skipped[];
  readonly gap: DomainGap | undefined;
  /** How far the training of fine-tuning and of the network from scratch came on all images of the first split. */
  readonly training: readonly StrategyTraining[];
  /** What could decide it, where a strategy that has not had its chance could still win; else nothing. */
  readonly needs: Needs | undefined;
  /** Runs that there was no time for. */
  readonly leftOut: readonly { readonly road: Strategy; readonly pictures: number; readonly seed: number }[];
  /** Seconds that it was given; nothing where epochs bounded it. */
  readonly budgetSeconds: number | undefined;
  /** Epochs of one training that it was given at most; nothing where seconds bounded it. */
  readonly epochs: number | undefined;
  readonly seconds: number;
  readonly interrupted: boolean;
}

/** Trainings of a strategy, each twice as long as the one before. */
export interface StrategyTraining {
  readonly road: Strategy;
  /** Whether twice the training brought nothing more. */
  readonly flattened: boolean;
  /** The accuracy that eight times the training could reach at most, at the pace of the last doubling; 1 where that cannot be told. */
  readonly couldReach: number;
  readonly trainings: readonly {
    readonly epochs: number;
    readonly seconds: number;
    /** On the judged images, on those learned from, and on those held out to judge the training by. */
    readonly accuracy: number;
    readonly trainAccuracy: number;
    readonly validationLogLoss: number;
    /** Whether it ended before its last epoch. */
    readonly isCut: boolean;
  }[];
}

/** What an undecided comparison needs. */
export interface Needs {
  /** The strategies that could still win. */
  readonly roads: readonly Strategy[];
  /** Their epochs so far; 0 where none has ended. */
  readonly epochs: number;
  /** Seconds that training them twice as long takes here; it may not be the last time. */
  readonly moreSeconds: number;
  /** What to give instead of the budget, or the epochs, of this comparison. */
  readonly budgetSeconds: number | undefined;
  readonly moreEpochs: number | undefined;
}
