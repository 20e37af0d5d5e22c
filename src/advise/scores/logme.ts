/** LogME: the evidence of the labels under a linear model of the features, with optimal noise and weight precision. */
import type { Symmetric } from "./gram.ts";
import { membership } from "./membership.ts";
import { spectrumOf } from "./spectrum.ts";

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
