/** Learning curves: accuracy by the number of training images, and what can be extrapolated from them. Pure. */

import { mean } from "../../base/statistics.ts";
import type { Interval } from "../../evaluate/interval.ts";
import { accuracyInterval } from "../../evaluate/interval.ts";
import { accuracyOf, isTrained, type Run, type Strategy, unitsOf } from "./run.ts";

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
