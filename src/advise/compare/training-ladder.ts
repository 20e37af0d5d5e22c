/**
 * How much more training and more images could gain: a ladder of trainings on the same images, each twice as long as the one before, and learning
 * curves over the number of images. A single training cannot tell, because its loss always settles when its learning rate falls. Pure, except for
 * calling the given training.
 */

import { mean } from "../../base/collections.ts";
import {
  accuracyInterval,
  type Interval,
  isClear,
  pairedDifference,
  pairedGain,
  Z95,
} from "../../metrics/intervals.ts";
import { isClearlyBetter, type ValidationScores } from "../../train/finetune/validation.ts";
import { accuracyOf, isTrained, type Run, type Strategy, unitsOf } from "./comparison-runs.ts";

/** One training and its results. */
export interface Rung {
  readonly epochs: number;
  readonly seconds: number;
  /** Whether it stopped before its last epoch, so that its learning rate had not come down. */
  readonly isCut: boolean;
  /** Whether the initial weights were kept: then the results are theirs, and say nothing about the training's own curve. */
  readonly isBeginning?: boolean | undefined;
  /** On images held out of its training images. */
  readonly validation: ValidationScores;
  /** Accuracy on its training images, without augmentation. */
  readonly trainAccuracy: number;
  /** One entry per evaluation image, 1 if correct. */
  readonly correct: Uint8Array;
}

/** What more training of a strategy could bring. */
export interface Outlook {
  /** Whether doubling the training brought no further gain. */
  readonly flattened: boolean;
  /** The maximum accuracy after {@link DOUBLINGS} more doublings; 1 if that cannot be estimated yet. */
  readonly couldReach: number;
  /** The epochs and the estimated seconds of the next training. */
  readonly next: { readonly epochs: number; readonly seconds: number };
}

/** The trainings of one strategy. */
export interface Ladder {
  readonly rungs: readonly Rung[];
  /** The training that counts: the longest, or a shorter one if that is clearly better. */
  kept(): Rung | undefined;
  outlook(): Outlook;
  /** Trains twice as long as before; `enough`, when aborted, ends the training with the best weights so far. */
  climb(enough?: AbortSignal): Promise<void>;
}

/** A strategy as a ladder trains it. */
export interface Trainee {
  /** Epochs of the first training. */
  readonly first: number;
  /** A guess of the first training's seconds; later ones are measured. */
  readonly guess: number;
  train(epochs: number, enough?: AbortSignal): Promise<Rung>;
}

/** A strategy is ruled out only if even this many more doublings, each with the gain of the last one, would not win. */
export const DOUBLINGS = 3;
/** The share of the way from the baseline to 100% training accuracy from which a strategy counts as having started to learn. */
const LEARNED = 0.5;
/** A training error below this leaves nothing to learn. */
const FITTED = 0.02;
/** Minimum relative and absolute fall of the training error that counts as progress. */
const LEAST_FALL = 0.1;
const LEAST_POINT = 0.01;
/** Epochs for which the initial weights must have been kept before more training counts as useless. */
const FEWEST_WITHOUT_GAIN = 8;
/** Minimum gain of validation loss in nats: smaller gains do not matter, however certain. */
const LEAST_GAIN = 0.01;

/** @param baseline accuracy of always predicting the most frequent class */
export function createLadder(trainee: Trainee, baseline: number): Ladder {
  const rungs: Rung[] = [];
  return {
    rungs,
    kept: () => keptOf(rungs),
    outlook: () => outlookOf(rungs, baseline, trainee),
    async climb(enough) {
      rungs.push(await trainee.train(outlookOf(rungs, baseline, trainee).next.epochs, enough));
    },
  };
}

/** The rung that counts: a later one, unless an earlier one is clearly better; a cut one only if it is clearly better itself. */
export function keptOf(rungs: readonly Rung[]): Rung | undefined {
  return rungs.reduce<Rung | undefined>((kept, rung) => {
    if (!kept) return rung;
    const isTaken = rung.isCut
      ? isClearlyBetter(rung.validation, kept.validation)
      : !isClearlyBetter(kept.validation, rung.validation);
    return isTaken ? rung : kept;
  }, undefined);
}

/** Estimates what training longer would bring. */
export function outlookOf(
  rungs: readonly Rung[],
  baseline: number,
  { first, guess }: Pick<Trainee, "first" | "guess">,
): Outlook {
  const whole = rungs.filter(({ isCut }) => !isCut);
  const [last, before] = [whole.at(-1), whole.at(-2)];
  const longest = rungs.at(-1);
  const next = longest
    ? longest.isCut
      ? { epochs: last ? 2 * last.epochs : first, seconds: Math.max(2 * (last?.seconds ?? 0), 2 * longest.seconds) }
      : { epochs: 2 * longest.epochs, seconds: 2 * longest.seconds }
    : { epochs: first, seconds: guess };
  const flattened = last !== undefined && before !== undefined && isFlat(before, last, baseline);
  const kept = keptOf(rungs);
  const reached = kept ? accuracyOf(kept) : 0;
  if (flattened) return { flattened, couldReach: reached, next };
  if (!last || !before || last.isBeginning || !hasLearned(last, baseline)) return { flattened, couldReach: 1, next };
  const { mean, interval } = pairedDifference(last.correct, before.correct);
  const error = (interval[1] - interval[0]) / 2 / Z95;
  const pace = Math.max(0, mean) + error;
  return { flattened, couldReach: Math.min(1, reached + DOUBLINGS * pace), next };
}

const hasLearned = ({ trainAccuracy }: Rung, baseline: number): boolean =>
  trainAccuracy >= baseline + LEARNED * (1 - baseline);

/** Whether doubling the training changed nothing that matters, on neither the validation nor the training images. */
function isFlat(before: Rung, last: Rung, baseline: number): boolean {
  if (!hasLearned(last, baseline)) return false;
  if (last.isBeginning && last.epochs < FEWEST_WITHOUT_GAIN) return false;
  if (last.validation.losses.length > 0) {
    const gain = pairedGain(before.validation.losses, last.validation.losses);
    if (isClear(gain) && gain.mean > LEAST_GAIN) return false;
  }
  const [was, is] = [1 - before.trainAccuracy, 1 - last.trainAccuracy];
  return is <= FITTED || was - is < Math.max(LEAST_POINT, LEAST_FALL * was);
}

// Learning curves: accuracy by the number of training images.

/** One training size of one strategy, averaged over its runs. */
export interface CurvePoint {
  readonly pictures: number;
  /** In [0, 1]. */
  readonly accuracy: number;
  /** 95%, from the number of different evaluation images, those of one group counted once. */
  readonly interval: Interval;
  readonly trainAccuracy: number;
  /** Training accuracy minus evaluation accuracy. */
  readonly overfitting: number;
  readonly seconds: number;
  readonly runs: number;
  /** The most epochs of a run; undefined for the probe. */
  readonly epochs: number | undefined;
  /** Whether every run was trained until doubling the training brought no further gain. */
  readonly flattened: boolean;
}

export interface Curve {
  readonly road: Strategy;
  /** In ascending number of images. */
  readonly points: readonly CurvePoint[];
}

/** The learning curve of a strategy. */
export function curveOf(strategy: Strategy, runs: readonly Run[]): Curve {
  const own = runs.filter((run) => run.strategy === strategy);
  const sizes = [...new Set(own.map(({ pictures }) => pictures))].sort((a, b) => a - b);
  return { road: strategy, points: sizes.map((size) => pointOf(own.filter(({ pictures }) => pictures === size))) };
}

function pointOf(runs: readonly Run[]): CurvePoint {
  const accuracy = mean(runs.map(accuracyOf));
  const evaluated = new Set(runs.flatMap(unitsOf)).size;
  const trainAccuracy = mean(runs.map((run) => run.trainAccuracy));
  return {
    pictures: runs[0]!.pictures,
    accuracy,
    interval: accuracyInterval(Math.round(accuracy * evaluated), evaluated),
    trainAccuracy,
    overfitting: trainAccuracy - accuracy,
    seconds: mean(runs.map(({ seconds }) => seconds)),
    runs: runs.length,
    epochs: runs[0]!.training && Math.max(...runs.map(({ training }) => training?.epochs ?? 0)),
    flattened: runs.every(isTrained),
  };
}

/** How many times the images one strategy would need to match another. */
export interface Savings {
  readonly slower: Strategy;
  readonly faster: Strategy;
  /** The accuracy of the comparison, and the images with which the faster strategy reaches it. */
  readonly accuracy: number;
  readonly pictures: number;
  /** About this many times as many; {@link MOST_FACTOR} stands for more. */
  readonly factor: number;
}

/** Curves are extrapolated to at most this many times their images. */
export const MOST_FACTOR = 100;

/**
 * Extrapolates the slower strategy's curve to the accuracy of the faster one: errors follow a power law of the images, as measured by
 * Hestness et al. 2017 (arXiv 1712.00409). Only points of finished trainings count. Undefined if the largest point of either is
 * unfinished, or the slower strategy is already as accurate, or has too few points for a line.
 */
export function savingsOf(faster: Curve, slower: Curve): Savings | undefined {
  const goal = faster.points.at(-1);
  const last = slower.points.at(-1);
  const trained = slower.points.filter(({ flattened }) => flattened);
  if (!goal?.flattened || !last?.flattened || trained.length < 2 || last.accuracy >= goal.accuracy) return undefined;
  const log = trained.map(({ pictures, accuracy }) => [Math.log(pictures), Math.log(errorOf(accuracy))] as const);
  const [x, y] = [mean(log.map(([a]) => a)), mean(log.map(([, b]) => b))];
  const slope =
    log.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0) / log.reduce((sum, [a]) => sum + (a - x) ** 2, 0);
  const shortfall = Math.log(errorOf(goal.accuracy)) - Math.log(errorOf(last.accuracy));
  const factor = slope < 0 ? (last.pictures / goal.pictures) * Math.exp(shortfall / slope) : MOST_FACTOR;
  return {
    slower: slower.road,
    faster: faster.road,
    accuracy: goal.accuracy,
    pictures: goal.pictures,
    factor: Math.min(MOST_FACTOR, factor),
  };
}

/** The error, bounded away from 0 for the logarithm. */
const errorOf = (accuracy: number): number => Math.max(1 - accuracy, 0.001);
