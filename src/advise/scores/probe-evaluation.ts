/** Evaluates how well a network's features suit labels: a cross-validated linear probe, and transferability scores that need no fit. */
import { createRandom } from "../../base/random.ts";
import type { Groups } from "../../data/dataset/split.ts";
import { groupedInterval, type Interval } from "../../metrics/accuracy-interval.ts";
import { correctFlags } from "../../metrics/logits.ts";
import { type DenseTable, denseTable, type FeatureTable } from "../../train/features/feature-table.ts";
import { fitHead } from "../../train/head/fit.ts";
import { gramOf } from "./gram-spectrum.ts";
import { hScore, knnCorrect, logme } from "./transferability-scores.ts";

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
