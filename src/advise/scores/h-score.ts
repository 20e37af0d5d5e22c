/** The H-score with shrinkage: the separation of the class means relative to the features' covariance. */
import { centred, type Symmetric } from "./gram.ts";
import { membership } from "./membership.ts";
import { spectrumOf } from "./spectrum.ts";

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
