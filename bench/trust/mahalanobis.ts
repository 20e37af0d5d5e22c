/**
 * The rivals that measure distances by covariance: Mahalanobis (Lee et al., NeurIPS 2018, arXiv 1807.03888) and relative Mahalanobis
 * (Ren et al., arXiv 2106.09022), on features of length 1, covariance shrunk towards a multiple of the identity.
 */
import type { Labelled } from "./cached.ts";

const SHRINKAGE = 0.5;

/** Out-of-distribution scores of rows: Mahalanobis distance to the nearest class mean; relative: less that to the mean of all. */
export function mahalanobis(
  fitted: Labelled,
  columns: number,
  classes: number,
  relative: boolean,
): (data: Float32Array) => Float64Array {
  const units = unit(fitted.data, columns);
  const counts = new Float64Array(classes);
  const means = Array.from({ length: classes }, () => new Float64Array(columns));
  const all = new Float64Array(columns);
  fitted.labels.forEach((label, row) => {
    counts[label]!++;
    for (let j = 0; j < columns; j++) {
      means[label]![j]! += units[row * columns + j]!;
      all[j]! += units[row * columns + j]! / fitted.labels.length;
    }
  });
  means.forEach((mean, label) => {
    for (let j = 0; j < columns; j++) mean[j]! /= counts[label]!;
  });
  const within = whitener(units, columns, (row) => means[fitted.labels[row]!]!);
  const whole = relative ? whitener(units, columns, () => all) : undefined;
  return (data) => {
    const rows = unit(data, columns);
    return Float64Array.from({ length: rows.length / columns }, (_, row) => {
      const own = rows.subarray(row * columns, (row + 1) * columns);
      const nearest = Math.min(...means.map((mean) => within(own, mean)));
      return whole ? nearest - whole(own, all) : nearest;
    });
  };
}

function unit(data: Float32Array, columns: number): Float32Array {
  const units = data.slice();
  for (let row = 0; row < data.length; row += columns) {
    let squares = 0;
    for (let j = row; j < row + columns; j++) squares += data[j]! ** 2;
    for (let j = row; j < row + columns; j++) units[j]! /= Math.sqrt(squares) || 1;
  }
  return units;
}

/** Squared distances in the metric of the inverse of a shrunk covariance, by its Cholesky factor. */
function whitener(
  units: Float32Array,
  columns: number,
  centre: (row: number) => Float64Array,
): (row: Float32Array, mean: Float64Array) => number {
  const rows = units.length / columns;
  const factor = new Float64Array(columns * columns);
  for (let row = 0; row < rows; row++) {
    const mean = centre(row);
    const off = Float64Array.from({ length: columns }, (_, j) => units[row * columns + j]! - mean[j]!);
    for (let i = 0; i < columns; i++) {
      const weight = ((1 - SHRINKAGE) * off[i]!) / rows;
      for (let j = 0; j <= i; j++) factor[i * columns + j]! += weight * off[j]!;
    }
  }
  let trace = 0;
  for (let i = 0; i < columns; i++) trace += factor[i * columns + i]! / (1 - SHRINKAGE);
  for (let i = 0; i < columns; i++) factor[i * columns + i]! += (SHRINKAGE * trace) / columns;
  for (let i = 0; i < columns; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = factor[i * columns + j]!;
      for (let k = 0; k < j; k++) sum -= factor[i * columns + k]! * factor[j * columns + k]!;
      factor[i * columns + j] = i === j ? Math.sqrt(sum) : sum / factor[j * columns + j]!;
    }
  }
  const solved = new Float64Array(columns);
  return (row, mean) => {
    let distance = 0;
    for (let i = 0; i < columns; i++) {
      let sum = row[i]! - mean[i]!;
      for (let k = 0; k < i; k++) sum -= factor[i * columns + k]! * solved[k]!;
      solved[i] = sum / factor[i * columns + i]!;
      distance += solved[i]! ** 2;
    }
    return distance;
  };
}
