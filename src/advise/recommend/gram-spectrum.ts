/** The Gram matrix of features and its spectrum, from which all transferability scores are computed. Knows no score. */
import type { FeatureTable } from "../../train/features/feature-table.ts";

/** Labels as one-hot vectors: for each class, 1 in the rows of the class and 0 elsewhere. */
export function membership(labels: ArrayLike<number>, classes: number): Float64Array[] {
  const members = Array.from({ length: classes }, () => new Float64Array(labels.length));
  for (let row = 0; row < labels.length; row++) members[labels[row]!]![row] = 1;
  return members;
}

// The Gram matrix: the inner products of all pairs of rows. All scores are computed from it, so that the features are read only
// once, whatever their number.

/** A symmetric matrix `[size, size]`, row-major, in double precision. */
export interface Symmetric {
  readonly size: number;
  readonly data: Float64Array;
}

/** Computes F·Fᵀ `[N, N]` of features F `[N, D]`. Takes 8·N² + 4·N·D bytes. */
export function gramOf(table: FeatureTable): Symmetric {
  const { rows: size, columns } = table;
  const features = new Float32Array(size * columns);
  for (const { first, rows, data } of table.chunks()) features.set(data.subarray(0, rows * columns), first * columns);
  const data = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    const own = features.subarray(i * columns, (i + 1) * columns);
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0, at = j * columns; k < columns; k++, at++) sum += own[k]! * features[at]!;
      data[i * size + j] = sum;
      data[j * size + i] = sum;
    }
  }
  return { size, data };
}

/** The Gram matrix of the same features after subtracting their mean: rows and columns centred. */
export function centred({ size, data }: Symmetric): Symmetric {
  const means = new Float64Array(size);
  for (let i = 0; i < size; i++) {
    let sum = 0;
    for (let j = 0; j < size; j++) sum += data[i * size + j]!;
    means[i] = sum / size;
  }
  const grand = means.reduce((sum, value) => sum + value, 0) / size;
  const result = new Float64Array(size * size);
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++) result[i * size + j] = data[i * size + j]! - means[i]! - means[j]! + grand;
  return { size, data: result };
}

// The eigenvalues of a symmetric matrix, and the projections of given vectors on its eigenvectors. The eigenvectors are never formed: each
// rotation is applied to the few vectors instead, which saves most of the work.
// Householder's tridiagonal form, then implicit QL with Wilkinson's shift (Golub and Van Loan, Matrix Computations, 8.3).

export interface Spectrum {
  /** `[size]`, unordered. */
  readonly values: Float64Array;
  /** For each vector `[size]`: its inner products with the eigenvectors, in the order of `values`. */
  readonly projections: readonly Float64Array[];
}

/** Maximum QL rounds for one eigenvalue; a handful is usual. */
const MOST_ROUNDS = 60;

/** The spectrum of a matrix, with the vectors' projections. */
export function spectrumOf(matrix: Symmetric, vectors: readonly Float64Array[]): Spectrum {
  const projections = vectors.map((vector) => vector.slice());
  const { diagonal, beside } = tridiagonal(matrix, projections);
  diagonalise(diagonal, beside, projections);
  return { values: diagonal, projections };
}

/** Reflects the matrix to tridiagonal form, and the vectors with it. `beside[i]` is between i − 1 and i. */
function tridiagonal(
  { size, data }: Symmetric,
  vectors: readonly Float64Array[],
): { diagonal: Float64Array; beside: Float64Array } {
  const a = data.slice();
  const diagonal = new Float64Array(size);
  const beside = new Float64Array(size);
  const v = new Float64Array(size);
  const p = new Float64Array(size);
  for (let k = 0; k < size - 1; k++) {
    let squares = 0;
    for (let i = k + 1; i < size; i++) {
      v[i] = a[i * size + k]!;
      squares += v[i]! * v[i]!;
    }
    const head = v[k + 1]!;
    const rest = squares - head * head;
    if (!(rest > 0)) {
      beside[k + 1] = head;
      continue;
    }
    const length = Math.sqrt(squares);
    const reflected = head > 0 ? -length : length;
    beside[k + 1] = reflected;
    v[k + 1] = head - reflected;
    // H = I − 2·v·vᵀ / (vᵀ·v)
    const factor = 2 / (rest + v[k + 1]! * v[k + 1]!);
    let dot = 0;
    for (let i = k + 1; i < size; i++) {
      let sum = 0;
      for (let j = k + 1, at = i * size + k + 1; j < size; j++, at++) sum += a[at]! * v[j]!;
      p[i] = factor * sum;
      dot += p[i]! * v[i]!;
    }
    const half = (factor / 2) * dot;
    for (let i = k + 1; i < size; i++) p[i] = p[i]! - half * v[i]!;
    for (let i = k + 1; i < size; i++) {
      const [vi, pi] = [v[i]!, p[i]!];
      for (let j = k + 1, at = i * size + k + 1; j < size; j++, at++) a[at] = a[at]! - vi * p[j]! - pi * v[j]!;
    }
    for (const vector of vectors) {
      let sum = 0;
      for (let i = k + 1; i < size; i++) sum += v[i]! * vector[i]!;
      for (let i = k + 1; i < size; i++) vector[i] = vector[i]! - factor * sum * v[i]!;
    }
  }
  for (let i = 0; i < size; i++) diagonal[i] = a[i * size + i]!;
  return { diagonal, beside };
}

/** Rotates a tridiagonal matrix to diagonal form in place, and the vectors with it. */
function diagonalise(d: Float64Array, beside: Float64Array, vectors: readonly Float64Array[]): void {
  const size = d.length;
  const e = new Float64Array(size);
  e.set(beside.subarray(1));
  const isSmall = (m: number): boolean =>
    m === size - 1 || Math.abs(e[m]!) <= Number.EPSILON * (Math.abs(d[m]!) + Math.abs(d[m + 1]!));
  for (let l = 0; l < size; l++) {
    for (let round = 0; ; round++) {
      let m = l;
      while (!isSmall(m)) m++;
      if (m === l) break;
      if (round === MOST_ROUNDS)
        throw new Error("No eigenvalues found: the matrix contains values that are not finite.");
      chase(d, e, l, m, vectors);
    }
  }
}

/** One implicit QL sweep over the block from l to m. */
function chase(d: Float64Array, e: Float64Array, l: number, m: number, vectors: readonly Float64Array[]): void {
  let g = (d[l + 1]! - d[l]!) / (2 * e[l]!);
  let r = Math.hypot(g, 1);
  g = d[m]! - d[l]! + e[l]! / (g + (g < 0 ? -r : r));
  let [s, c, p] = [1, 1, 0];
  for (let i = m - 1; i >= l; i--) {
    const f = s * e[i]!;
    const b = c * e[i]!;
    r = Math.hypot(f, g);
    e[i + 1] = r;
    if (r === 0) {
      // The block splits here.
      d[i + 1] = d[i + 1]! - p;
      e[m] = 0;
      return;
    }
    [s, c] = [f / r, g / r];
    g = d[i + 1]! - p;
    r = (d[i]! - g) * s + 2 * c * b;
    p = s * r;
    d[i + 1] = g + p;
    g = c * r - b;
    for (const vector of vectors) {
      const [low, high] = [vector[i]!, vector[i + 1]!];
      vector[i + 1] = s * low + c * high;
      vector[i] = c * low - s * high;
    }
  }
  d[l] = d[l]! - p;
  e[l] = g;
  e[m] = 0;
}
