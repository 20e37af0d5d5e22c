/**
 * Fits a head with many penalties and on many folds in lock step: each round evaluates all unfinished fits in one pass over the features. Which
 * penalties are tried is decided in fit.ts.
 */
import { nextTask } from "../../base/concurrency.ts";
import { createMinimiser, type Minimiser, type MinimiserOptions } from "./lbfgs.ts";
import type { SoftmaxLoss } from "./softmax-loss.ts";

export interface FitListeners {
  /** Called after each round with the number of unfinished fits. */
  readonly onRound?: ((running: number, total: number) => void) | undefined;
  /** Ends the fit between two rounds, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** A fit of a head on all folds except one. */
export interface Job {
  readonly l2: number;
  /** The excluded fold; −1 for none. */
  readonly heldOut: number;
}

/** The weight of each row: that of its class, and 0 in the excluded fold. */
export interface Weighting {
  readonly labels: Int32Array;
  readonly foldOf: Int32Array;
  readonly classWeight: readonly number[];
}

/** Runs every job's minimiser to its end. */
export async function minimiseTogether(
  loss: SoftmaxLoss,
  columns: number,
  jobs: readonly Job[],
  starts: readonly Float32Array[],
  { labels, foldOf, classWeight }: Weighting,
  { onRound, signal }: FitListeners,
  precision: MinimiserOptions = {},
): Promise<Minimiser[]> {
  const minimisers = starts.map((start) => createMinimiser(start, precision));
  const weightOf = (row: number): number => classWeight[labels[row]!]!;
  const totals = jobs.map(({ heldOut }) =>
    labels.reduce((sum, _, row) => sum + (foldOf[row] === heldOut ? 0 : weightOf(row)), 0),
  );
  for (;;) {
    const active = minimisers.flatMap(({ outcome }, job) => (outcome === undefined ? [job] : []));
    onRound?.(active.length, jobs.length);
    if (active.length === 0) return minimisers;
    // A signal is only delivered when the event loop has a turn.
    await nextTask();
    signal?.throwIfAborted();
    const size = minimisers[0]!.point.length;
    const weights = new Float32Array(active.length * size);
    active.forEach((job, slot) => {
      weights.set(minimisers[job]!.point, slot * size);
    });
    const { values, gradients } = await loss.evaluate(weights, active.length, (row, slot) => {
      const job = active[slot]!;
      return foldOf[row] === jobs[job]!.heldOut ? 0 : weightOf(row) / totals[job]!;
    });
    active.forEach((job, slot) => {
      const gradient = gradients.subarray(slot * size, (slot + 1) * size);
      const penalty = penalise(minimisers[job]!.point, jobs[job]!.l2, columns, gradient);
      minimisers[job]!.observe(values[slot]! + penalty, gradient);
    });
  }
}

/** Returns λ/2·‖W‖² without the bias column, and adds its gradient to `gradient`. */
function penalise(weights: Float32Array, l2: number, columns: number, gradient: Float32Array): number {
  let squares = 0;
  for (let row = 0; row < weights.length; row += columns) {
    for (let j = row; j < row + columns - 1; j++) {
      squares += weights[j]! * weights[j]!;
      gradient[j] = gradient[j]! + l2 * weights[j]!;
    }
  }
  return (l2 / 2) * squares;
}

/** For each strength, `[rows, classes]`: the logits of each row by the fit that excluded its fold. */
export async function crossValidatedLogits(
  loss: SoftmaxLoss,
  fits: readonly Minimiser[],
  strengths: number,
  folds: number,
  foldOf: Int32Array,
  classes: number,
): Promise<Float32Array[]> {
  const size = fits[0]!.point.length;
  const weights = new Float32Array(fits.length * size);
  fits.forEach(({ point }, job) => {
    weights.set(point, job * size);
  });
  const picked = Array.from({ length: strengths }, () => new Float32Array(foldOf.length * classes));
  await loss.logits(weights, fits.length, (first, logits) => {
    const rows = logits.length / (fits.length * classes);
    for (let i = 0; i < rows; i++) {
      for (let s = 0; s < strengths; s++) {
        const from = (i * fits.length + s * folds + foldOf[first + i]!) * classes;
        picked[s]!.set(logits.subarray(from, from + classes), (first + i) * classes);
      }
    }
  });
  return picked;
}
