/** The options and the result of a comparison: plain data for the command line, the report and library users. The work is in compare.ts. */
import * as v from "valibot";
import {
  abortSignal,
  callOf,
  checked,
  type Described,
  listenerEntries,
  optionsOf,
  rule,
  seed,
  whole,
} from "../../base/option-schemas.ts";
import type { OnProgress } from "../../base/progress.ts";
import { datasetSchema } from "../../data/dataset/dataset.ts";
import type { Dataset } from "../../data/dataset/discover.ts";
import { type Network, networkSchema } from "../../networks/network.ts";
import type { Skipped } from "../../train/features/image-files.ts";
import { unfreeze as stages } from "../../train/option-entries.ts";
import type { DomainGap } from "../domain-gap.ts";
import type { Baseline } from "../recommend/evaluation-sample.ts";
import { budgetSeconds } from "../recommend/recommendation.ts";
import { accuracyOf, type Strategy } from "./comparison-runs.ts";
import type { StrategyProgress } from "./comparison-trainings.ts";
import type { ComparisonVerdict, Lead } from "./comparison-verdict.ts";
import type { Curve, Savings } from "./training-ladder.ts";

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

// Summaries of the trainings, and what an undecided comparison needs.

type Progresses = Readonly<Partial<Record<Strategy, StrategyProgress>>>;

/** The trainings of fine-tuning and of the network from scratch. */
export const trainingOf = (progress: Progresses): StrategyTraining[] =>
  (["fine-tune", "scratch"] as const).map((strategy) => {
    const { flattened = false, couldReach = 1, rungs = [] } = progress[strategy] ?? {};
    return {
      ...{ road: strategy, flattened, couldReach },
      trainings: rungs.map((rung) => ({
        ...{
          epochs: rung.epochs,
          seconds: rung.seconds,
          accuracy: accuracyOf(rung),
          trainAccuracy: rung.trainAccuracy,
        },
        ...{ validationLogLoss: rung.validation.logLoss, isCut: rung.isCut },
      })),
    };
  });

/** Safety factor: a repeated comparison starts from scratch, and timings vary. */
const MARGIN = 1.1;

/**
 * Estimates what would decide the comparison; undefined if no strategy could still win.
 *
 * @param open strategies that could still win
 * @param spent the seconds of this comparison, and the epochs that bounded it
 */
export function needsOf(
  open: readonly Strategy[],
  progress: Progresses,
  spent: { readonly seconds: number; readonly epochs: number | undefined },
): Needs | undefined {
  if (open.length === 0) return undefined;
  const nexts = open.flatMap((strategy) => progress[strategy]?.next ?? []);
  const moreSeconds = nexts.reduce((sum, { seconds }) => sum + seconds, 0);
  const epochs = Math.max(0, ...open.flatMap((strategy) => progress[strategy]?.rungs.map((rung) => rung.epochs) ?? []));
  const minutes = Math.ceil((MARGIN * (spent.seconds + moreSeconds)) / 60);
  return {
    ...{ roads: open, epochs, moreSeconds },
    budgetSeconds: spent.epochs === undefined ? 60 * minutes : undefined,
    moreEpochs:
      spent.epochs === undefined ? undefined : Math.max(2 * spent.epochs, ...nexts.map((next) => next.epochs)),
  };
}

// The options.

export interface CompareOptions {
  readonly dataset: Dataset;
  readonly network: Network;
  /** Seconds for everything. Default {@link DEFAULT_COMPARE_BUDGET}, unless `epochs` is given. */
  readonly budgetSeconds?: number | undefined;
  /**
   * Bounds the work instead of the time: maximum epochs of one training on all images. Then everything planned is done, however long it
   * takes, and the same options give the same result on any machine of the same kind.
   */
  readonly epochs?: number | undefined;
  /** Number of train/evaluation splits. Default 3, as far as time allows. */
  readonly splits?: number | undefined;
  /** What fine-tuning trains, as for `--unfreeze`. Default: the last third of the stages. */
  readonly unfreeze?: string | number | undefined;
  /** Default 0. The images that `train` holds out for its test with the same seed are left alone. */
  readonly seed?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Called with a sentence for each deviation from the request. */
  readonly onNote?: ((text: string) => void) | undefined;
  /** Aborts the work with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Ends the work early when aborted; the result is what is known by then. */
  readonly stop?: AbortSignal | undefined;
}

/** The default budget in seconds. */
export const DEFAULT_COMPARE_BUDGET = 600;
/** The default number of splits. */
export const DEFAULT_SPLITS = 3;

/** What fine-tuning trains. `none` is invalid: fine-tuning is always one of the compared strategies. */
export const unfreeze = v.pipe(
  stages,
  v.check((value) => value !== "none", "a stage's name, a number of last stages, or all"),
);

/** Maximum epochs of one training; the upper bound catches typing errors. */
export const epochs = whole(2, 100_000);
/** Number of splits. */
export const splits = whole(1, 20);

/** A comparison is bounded by work or by time, not both. */
export const oneBound = <T extends { budgetSeconds?: number | undefined; epochs?: number | undefined }>() =>
  rule<T>(
    ({ budgetSeconds: seconds, epochs: most }) => seconds === undefined || most === undefined,
    "{epochs} bounds the work, {budgetSeconds} the time: leave one of them out.",
  );

const entries = {
  dataset: datasetSchema,
  network: networkSchema,
  budgetSeconds: v.optional(budgetSeconds),
  epochs: v.optional(epochs),
  splits: v.optional(splits, DEFAULT_SPLITS),
  unfreeze: v.optional(unfreeze),
  seed: v.optional(seed, 0),
  ...listenerEntries,
  stop: v.optional(abortSignal),
} satisfies Described<CompareOptions>;

const schema = v.pipe(optionsOf(entries), oneBound());

/** Options with their defaults. */
export type CheckedCompareOptions = v.InferOutput<typeof schema>;

/** @throws GraftError (`usage`) */
export const checkedCompareOptions = (options: CompareOptions): CheckedCompareOptions =>
  checked(schema, options, callOf("compare"));
