/** Learning curves: accuracy against how many images were learned from, with what can be read off them. Pure. */

import { mean } from "../../base/statistics.ts";
import type { Interval } from "../../evaluate/interval.ts";
import { accuracyInterval } from "../../evaluate/interval.ts";
import { accuracyOf, isTrained, type Run, type Strategy, unitsOf } from "./run.ts";

/** One size of one strategy, averaged over its runs. */
export interface Point {
  readonly pictures: number;
  /** In [0, 1]. */
  readonly accuracy: number;
  /** 95%, from how many different images were judged, those of one group counted once. */
  readonly interval: Interval;
  readonly trainAccuracy: number;
  /** Training accuracy minus judged accuracy: what was learned by heart. */
  readonly overfitting: number;
  readonly seconds: number;
  readonly runs: number;
  /** The most epochs of a run; nothing for the probe. */
  readonly epochs: number | undefined;
  /** Whether every run was trained until twice as long brought nothing more. */
  readonly flattened: boolean;
}

export interface Curve {
  readonly road: Strategy;
  /** The fewest images first. */
  readonly points: readonly Point[];
}

/** The curve of a strategy. */
export function curveOf(road: Strategy, runs: readonly Run[]): Curve {
  const own = runs.filter((run) => run.road === road);
  const sizes = [...new Set(own.map(({ pictures }) => pictures))].sort((a, b) => a - b);
  return { road, points: sizes.map((size) => pointOf(own.filter(({ pictures }) => pictures === size))) };
}

function pointOf(runs: readonly Run[]): Point {
  const accuracy = mean(runs.map(accuracyOf));
  const judged = new Set(runs.flatMap(unitsOf)).size;
  const trainAccuracy = mean(runs.map((run) => run.trainAccuracy));
  return {
    pictures: runs[0]!.pictures,
    accuracy,
    interval: accuracyInterval(Math.round(accuracy * judged), judged),
    trainAccuracy,
    overfitting: trainAccuracy - accuracy,
    seconds: mean(runs.map(({ seconds }) => seconds)),
    runs: runs.length,
    epochs: runs[0]!.training && Math.max(...runs.map(({ training }) => training?.epochs ?? 0)),
    flattened: runs.every(isTrained),
  };
}

/** How many times the images one strategy would need to do as well as another does. */
export interface Savings {
  readonly slower: Strategy;
  readonly faster: Strategy;
  /** The accuracy that is compared at, and the images with which the faster strategy has it. */
  readonly accuracy: number;
  readonly pictures: number;
  /** About so many times as many; {@link MOST_FACTOR} stands for more. */
  readonly factor: number;
}

/** Curves are not drawn out further than to this many times their images. */
export const MOST_FACTOR = 100;

/**
 * Draws out the slower strategy's curve to where the faster one is: errors fall with a power of the images, as measured by Hestness et al.
 * 2017 (arXiv 1712.00409). Only points of finished trainings count: one that was ended early says nothing of what its images are good
 * for. Nothing where the largest point of either is unfinished, the slower strategy is as good already, or has too few points for a line.
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

/** Never 0, so that a curve which reached the end has a logarithm. */
const errorOf = (accuracy: number): number => Math.max(1 - accuracy, 0.001);
