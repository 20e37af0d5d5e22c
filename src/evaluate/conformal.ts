/**
 * Conformal prediction: instead of one answer, the set of all classes that cannot be ruled out, so made that it holds the true one for
 * a promised share of new pictures like those it was calibrated on, whatever the model.
 * Source: Sadinle, Lei and Wasserman, "Least ambiguous set-valued classifiers with bounded error levels", JASA 114 (2019),
 * arXiv 1609.00451; the finite-sample quantile as in Angelopoulos and Bates, arXiv 2107.07511, section 1.
 */
import { dataError, usageError } from "../base/errors.ts";
import type { Interval } from "./interval.ts";
import { rankFor, shareBelow } from "./order-statistic.ts";

/** The share of pictures whose set shall hold the true class. */
export const COVERAGE = 0.9;

/** A rule for sets. */
export interface Conformal {
  /** The promised share, in (0, 1). */
  readonly coverage: number;
  /** Classes of at least this probability are in the set. 0: every class is, since too few pictures were there to rule one out. */
  readonly threshold: number;
  /** Pictures that it was calibrated on: with n of them the true coverage varies by about √(coverage · (1 − coverage) / n). */
  readonly calibratedOn: number;
}

/**
 * Calibrates a rule: of `n` pictures, the probability of the true class that ⌈(n + 1) · coverage⌉ of them reach.
 *
 * @param probabilities `[N, C]` of pictures that the model was not trained on (held out, or out-of-fold)
 * @param labels `[N]`
 * @throws a usage error where shapes or the coverage make no sense, a data error where there is no picture
 */
export function fitConformal(
  probabilities: Float32Array | readonly number[],
  labels: Int32Array | readonly number[],
  coverage = COVERAGE,
): Conformal {
  if (labels.length === 0)
    throw dataError("There is no picture to calibrate sets on: give at least one labelled image.");
  const classes = probabilities.length / labels.length;
  if (!Number.isInteger(classes))
    throw usageError(`${probabilities.length} probabilities do not fit ${labels.length} labels: give [N, C] values.`);
  if (!(coverage > 0 && coverage < 1))
    throw usageError(`A coverage of ${coverage} makes no sense: give a number between 0 and 1, such as 0.9.`);
  const ofTruth = Float64Array.from(labels, (label, at) => probabilities[at * classes + label]!)
    .sort()
    .reverse();
  const reached = rankFor(labels.length, coverage);
  return {
    coverage,
    threshold: reached > labels.length ? 0 : ofTruth[reached - 1]!,
    calibratedOn: labels.length,
  };
}

/** What the pictures that a rule was calibrated on let it promise. */
export interface CoveragePromise {
  /** Whether they are enough for the coverage. Without, no class is ruled out, and every set holds all of them. */
  readonly enough: boolean;
  /** The share of new pictures whose set holds the true class: where it is in 95% of trainings on so many pictures. */
  readonly interval: Interval;
}

/** How far a rule keeps its promise. */
export function promiseOf({ coverage, calibratedOn }: Conformal): CoveragePromise {
  const rank = rankFor(calibratedOn, coverage);
  return rank > calibratedOn
    ? { enough: false, interval: [1, 1] }
    : { enough: true, interval: shareBelow(calibratedOn, rank) };
}

/**
 * The classes that cannot be ruled out for one picture, most probable first. The set may be empty, where even the most probable class is
 * less probable than true ones usually are: a model that is right more often than `coverage` promises must leave some sets empty to
 * keep to it.
 *
 * @param probabilities `[C]`
 */
export function conformalSet(probabilities: Float32Array | readonly number[], { threshold }: Conformal): number[] {
  return [...probabilities.keys()]
    .filter((label) => probabilities[label]! >= threshold)
    .sort((a, b) => probabilities[b]! - probabilities[a]!);
}

/** How sets fared on pictures whose class is known. */
export interface SetScores {
  /** Share of the sets that hold the true class. */
  readonly covered: number;
  /** Mean number of classes in a set. */
  readonly size: number;
  /** Shares of the sets with one class, and with none. */
  readonly single: number;
  readonly empty: number;
}

/** Scores a rule on `N` pictures: `probabilities` `[N, C]`, `labels` `[N]`. */
export function scoreSets(
  probabilities: Float32Array,
  labels: Int32Array | readonly number[],
  conformal: Conformal,
): SetScores {
  const classes = probabilities.length / labels.length;
  let [covered, size, single, empty] = [0, 0, 0, 0];
  for (let at = 0; at < labels.length; at++) {
    const set = conformalSet(probabilities.subarray(at * classes, (at + 1) * classes), conformal);
    if (set.includes(labels[at]!)) covered++;
    if (set.length === 1) single++;
    if (set.length === 0) empty++;
    size += set.length;
  }
  const share = (count: number): number => count / labels.length;
  return { covered: share(covered), size: share(size), single: share(single), empty: share(empty) };
}
