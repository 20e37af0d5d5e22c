/**
 * How well a network's features suit labels: a cross-validated linear probe, and the transferability scores H-score, LogME and k-NN, which
 * need no fit.
 */

import { createRandom } from "../../base/random.ts";
import type { Groups } from "../../data/dataset/split.ts";
import { groupedInterval, type Interval } from "../../metrics/intervals.ts";
import { correctFlags } from "../../metrics/logits.ts";
import { type DenseTable, denseTable, type FeatureTable } from "../../train/features/feature-table.ts";
import { fitHead } from "../../train/head/fit.ts";
import { centred, gramOf, membership, type Symmetric, spectrumOf } from "./gram-spectrum.ts";

/** The H-score with shrinkage: the separation of the class means relative to the features' covariance. */
export interface HScore {
  readonly score: number;
  /** The weight of the identity in the shrunk covariance, in [0, 1]. */
  readonly shrinkage: number;
}

/** Lower bound of the shrunk covariance's floor relative to its mean eigenvalue: without shrinkage this acts as a pseudo-inverse. */
const LEAST_FLOOR = 1e-10;

/**
 * tr(Σα⁻¹ · (1 − α) · cov(E[f | y])), with Σα the features' covariance shrunk by Ledoit and Wolf's α. Higher is better.
 *
 * Source: Bao et al. 2019, "An information-theoretic approach to transferability in task transfer learning"; shrinkage by Ibrahim
 * et al. 2021 (arXiv 2110.06893); α by Ledoit and Wolf 2004 as scikit-learn computes it. All in N dimensions instead of D:
 * with K = X·Xᵀ of centred features and P the classes' projector, tr(Xᵀ P X (aXᵀX + bI)⁻¹) = tr(P · K(aK + bI)⁻¹).
 *
 * @param gram of the features `[N, D]`, not centred
 * @param columns D
 */
export function hScore(gram: Symmetric, columns: number, labels: ArrayLike<number>, classes: number): HScore {
  const { size: rows } = gram;
  const k = centred(gram);
  const { shrinkage, mean } = ledoitWolf(k, columns);
  const members = membership(labels, classes);
  const { values, projections } = spectrumOf(k, members);
  const slope = (1 - shrinkage) / rows;
  const floor = Math.max(shrinkage * mean, LEAST_FLOOR * mean);
  let trace = 0;
  projections.forEach((projection, c) => {
    const count = members[c]!.reduce((sum, one) => sum + one, 0);
    if (count === 0) return;
    for (let i = 0; i < rows; i++) {
      const sigma = Math.max(values[i]!, 0);
      if (sigma > 0) trace += (projection[i]! ** 2 * sigma) / (slope * sigma + floor) / count;
    }
  });
  return { score: ((1 - shrinkage) * trace) / (rows - 1), shrinkage };
}

/** Ledoit and Wolf's shrinkage from the Gram matrix of centred rows, and the covariance's mean eigenvalue. */
function ledoitWolf({ size: rows, data }: Symmetric, columns: number): { shrinkage: number; mean: number } {
  let [trace, fourth, squares] = [0, 0, 0];
  for (let i = 0; i < rows; i++) {
    const own = data[i * rows + i]!;
    trace += own;
    fourth += own * own;
  }
  for (const value of data) squares += value * value;
  const mean = trace / rows / columns;
  const spread = squares / rows ** 2;
  const beta = (fourth / rows - spread) / (columns * rows);
  const delta = (spread - (2 * mean * trace) / rows + columns * mean ** 2) / columns;
  const least = Math.min(beta, delta);
  return { shrinkage: least === 0 ? 0 : least / delta, mean };
}

// LogME: the evidence of the labels under a linear model of the features, with optimal noise and weight precision.

/** As in the authors' code: maximum rounds, and the relative change of α/β at which it stops. */
const MOST_ROUNDS = 11;
const TOLERANCE = 1e-3;
/** Added to both denominators, as in the authors' code, against division by zero for labels that are fitted exactly. */
const GUARD = 1e-5;

/**
 * LogME of features and labels: the log maximum evidence p(y | F) per row, averaged over the classes' one-hot labels. Higher is better; only
 * scores on the same rows are comparable.
 *
 * Source: You et al. 2021 (arXiv 2102.11005), by the fixed point of You et al. 2022 (arXiv 2110.10545). The determinant is the paper's, of
 * the whole D × D matrix; the authors' code omits constant factors if N < D, which would favour networks by their number of features.
 *
 * @param gram of the features `[N, D]`
 * @param columns D
 * @param labels `[N]`
 */
export function logme(gram: Symmetric, columns: number, labels: ArrayLike<number>, classes: number): number {
  const members = membership(labels, classes);
  const { values, projections } = spectrumOf(gram, members);
  // At most D eigenvalues are nonzero, except for rounding.
  const sigmas = values.map((value) => Math.max(value, 0));
  const largest = [...sigmas.keys()].sort((a, b) => sigmas[b]! - sigmas[a]!).slice(0, columns);
  const kept = new Set(largest);
  for (const i of sigmas.keys()) if (!kept.has(i)) sigmas[i] = 0;
  let total = 0;
  for (const projection of projections) total += evidence(sigmas, projection, columns, largest);
  return total / classes;
}

/** The evidence of one class's labels per row. `x` are their projections on the eigenvectors with eigenvalues `sigmas`. */
function evidence(sigmas: Float64Array, x: Float64Array, columns: number, largest: readonly number[]): number {
  const rows = sigmas.length;
  let [alpha, beta, m2, residual] = [1, 1, 0, 0];
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const t = alpha / beta;
    let gamma = 0;
    [m2, residual] = [0, 0];
    for (let i = 0; i < rows; i++) {
      const [sigma, square] = [sigmas[i]!, x[i]! * x[i]!];
      gamma += sigma / (sigma + t);
      m2 += (sigma * square) / (t + sigma) ** 2;
      residual += square / (1 + sigma / t) ** 2;
    }
    alpha = gamma / (m2 + GUARD);
    beta = (rows - gamma) / (residual + GUARD);
    if (Math.abs(alpha / beta - t) / t <= TOLERANCE) break;
  }
  let logDeterminant = (columns - largest.length) * Math.log(alpha);
  for (const i of largest) logDeterminant += Math.log(alpha + beta * sigmas[i]!);
  const sum =
    columns * Math.log(alpha) +
    rows * Math.log(beta) -
    logDeterminant -
    beta * residual -
    alpha * m2 -
    rows * Math.log(2 * Math.PI);
  return sum / 2 / rows;
}

// k-NN accuracy: the share of rows that their nearest neighbours classify correctly. Needs no fit.

/** The number of neighbours. */
export const NEIGHBOURS = 5;

/**
 * Finds the rows that are classified correctly by their `neighbours` nearest rows by angle, each voting with its cosine (leave-one-out).
 * Of equal votes the first class wins.
 *
 * @param gram of the features `[N, D]`
 * @returns `[N]`, 1 if correct
 */
export function knnCorrect(
  { size, data }: Symmetric,
  labels: ArrayLike<number>,
  classes: number,
  neighbours = NEIGHBOURS,
): Uint8Array {
  const lengths = Float64Array.from({ length: size }, (_, i) => Math.sqrt(data[i * size + i]!));
  const correct = new Uint8Array(size);
  const cosines = new Float64Array(size);
  for (let row = 0; row < size; row++) {
    for (let j = 0; j < size; j++) {
      const scale = lengths[row]! * lengths[j]!;
      cosines[j] = scale > 0 ? data[row * size + j]! / scale : 0;
    }
    cosines[row] = Number.NEGATIVE_INFINITY;
    const votes = new Float64Array(classes);
    for (const near of largest(cosines, Math.min(neighbours, size - 1))) {
      const label = labels[near]!;
      votes[label] = votes[label]! + cosines[near]!;
    }
    correct[row] = votes.indexOf(Math.max(...votes)) === labels[row] ? 1 : 0;
  }
  return correct;
}

/** The positions of the `count` largest values, largest first; of equals the first. */
function largest(values: Float64Array, count: number): number[] {
  const best: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (best.length === count && !(values[i]! > values[best.at(-1)!]!)) continue;
    let at = best.length;
    while (at > 0 && values[i]! > values[best[at - 1]!]!) at--;
    best.splice(at, 0, i);
    if (best.length > count) best.pop();
  }
  return best;
}

// The evaluation: the probe and all scores.

/** Transferability scores; higher is better. */
export interface TransferabilityScores {
  readonly logme: number;
  readonly hScore: number;
  /** Leave-one-out accuracy of the nearest neighbours. */
  readonly knn: number;
  /** The number of rows they were computed on. */
  readonly rows: number;
}

export interface ProbeEvaluation {
  /** Number of images, each predicted by a probe that had not seen it. */
  readonly images: number;
  /** `[images]`, 1 if the probe was correct. */
  readonly correct: Uint8Array;
  /** `[images]`: the group of each image. Default: each image is its own group. */
  readonly groups?: Groups | undefined;
  readonly accuracy: number;
  readonly interval: Interval;
  readonly logLoss: number;
  readonly scores: TransferabilityScores;
  /** Seconds that the evaluation took. */
  readonly seconds: number;
}

/** Maximum rows of the scores, whose time grows with the cube of the rows; more tell little more. */
export const SCORED_ROWS = 400;

/**
 * Evaluates a linear probe on features `[N, D]`. The same seed, labels and groups give the same folds, so that networks are comparable.
 *
 * @param known `[N]` labels, at least two per class, and groups, which no fold separates
 */
export async function evaluateProbe(
  table: DenseTable,
  { labels, groups }: { readonly labels: Int32Array; readonly groups: Groups },
  classes: number,
  seed: number,
  signal?: AbortSignal,
): Promise<ProbeEvaluation> {
  const began = performance.now();
  const fit = await fitHead(table, labels, classes, createRandom(seed), { groups, signal });
  const correct = correctFlags(fit.outOfFoldLogits, labels, classes);
  const right = correct.reduce((sum, one) => sum + one, 0);
  const rows = Math.min(labels.length, SCORED_ROWS);
  const scores = scoresOf(
    denseTable(table.data.subarray(0, rows * table.columns), table.columns),
    labels.subarray(0, rows),
    classes,
  );
  return {
    images: labels.length,
    correct,
    accuracy: right / labels.length,
    interval: groupedInterval(correct, groups),
    groups,
    logLoss: fit.tried.find(({ l2 }) => l2 === fit.l2)!.logLoss,
    scores,
    seconds: (performance.now() - began) / 1000,
  };
}

/** Computes LogME, H-score and k-NN accuracy of features. */
export function scoresOf(table: FeatureTable, labels: Int32Array, classes: number): TransferabilityScores {
  const gram = gramOf(table);
  const near = knnCorrect(gram, labels, classes);
  return {
    logme: logme(gram, table.columns, labels, classes),
    hScore: hScore(gram, table.columns, labels, classes).score,
    knn: near.reduce((sum, one) => sum + one, 0) / table.rows,
    rows: table.rows,
  };
}
