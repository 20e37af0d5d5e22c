/**
 * Mixup: training on weighted averages of two examples and of their labels. Sources: Zhang et al. 2018, arXiv 1710.09412; on hidden
 * activations: Verma et al. 2019, arXiv 1806.05236.
 */

import type { Random } from "../../../base/random.ts";
import { normals } from "../../../base/random.ts";

/** How the examples of one batch are mixed: example i becomes `share` × itself + (1 − `share`) × example `partners[i]`. */
export interface Mixing {
  readonly share: number;
  readonly partners: readonly number[];
}

/**
 * Draws the mixing of a batch: one share from Beta(α, α) for the whole batch, and partners by a permutation, as in the authors' code.
 *
 * @param count examples in the batch
 * @param alpha above 0; the larger, the closer the shares are to one half
 */
export function planMixup(count: number, alpha: number, random: Random): Mixing {
  if (!(alpha > 0)) throw new RangeError(`Mixup's α must be above 0, not ${alpha}.`);
  const share = beta(alpha, random);
  return { share, partners: random.shuffle(Array.from({ length: count }, (_, i) => i)) };
}

/**
 * Mixes the rows of a batch: its features or boundary tensors, or with the same mixing its soft labels `[N, classes]`.
 *
 * @param rows `[N, …]`, row-major; N is the number of partners
 * @returns a new array of the same shape
 */
export function mixRows(rows: Float32Array, { share, partners }: Mixing): Float32Array {
  const size = rows.length / partners.length;
  if (!Number.isInteger(size)) throw new RangeError(`${rows.length} values are not ${partners.length} equal rows.`);
  const mixed = new Float32Array(rows.length);
  partners.forEach((partner, row) => {
    const [own, other] = [row * size, partner * size];
    for (let i = 0; i < size; i++) mixed[own + i] = share * rows[own + i]! + (1 - share) * rows[other + i]!;
  });
  return mixed;
}

/** Labels as one-hot rows `[N, classes]`. Throws a RangeError for a label that is not a class. */
export function oneHot(labels: ArrayLike<number>, classes: number): Float32Array {
  const rows = new Float32Array(labels.length * classes);
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (!(label >= 0 && label < classes)) throw new RangeError(`Label ${label} is not one of ${classes} classes.`);
    rows[i * classes + label] = 1;
  }
  return rows;
}

/** Draws from Beta(α, α) as x / (x + y) of two draws from Gamma(α); uses logarithms because small α underflow. */
function beta(alpha: number, random: Random): number {
  const normal = normals(random);
  const [x, y] = [logGamma(alpha, normal, random), logGamma(alpha, normal, random)];
  return 1 / (1 + Math.exp(y - x));
}

/**
 * Draws the logarithm of a number from Gamma(shape, 1). Source: Marsaglia and Tsang 2000, "A simple method for generating gamma
 * variables"; for shapes below 1 their note on Gamma(shape + 1) × U^(1 / shape).
 */
function logGamma(shape: number, normal: () => number, random: Random): number {
  if (shape < 1) return logGamma(shape + 1, normal, random) + Math.log(1 - random.next()) / shape;
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const z = normal();
    const v = (1 + c * z) ** 3;
    if (v <= 0) continue;
    if (Math.log(1 - random.next()) < 0.5 * z * z + d - d * v + d * Math.log(v)) return Math.log(d) + Math.log(v);
  }
}
