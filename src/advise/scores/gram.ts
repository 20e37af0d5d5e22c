/**
 * The Gram matrix of features: the inner products of all pairs of rows. All scores are computed from it, so that the features are read only
 * once, whatever their number.
 */
import type { FeatureTable } from "../../train/features/table.ts";

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
