/** From logits to probabilities, row by row, without overflow. */
import { usageError } from "../base/errors.ts";

/**
 * Softmax of each row of `logits` `[N, C]` divided by `temperature`; the row's maximum is taken off first,
 * so that no exponential overflows.
 *
 * @param temperature above 0; 1 (the plain softmax) by default
 * @returns probabilities `[N, C]`
 * @throws a usage error where the size is not a multiple of `classes` or the temperature is not above 0
 */
export function softmax(logits: Float32Array | readonly number[], classes: number, temperature = 1): Float32Array {
  if (!Number.isInteger(classes) || classes < 1 || logits.length % classes !== 0)
    throw usageError(
      `${logits.length} logits do not make rows of ${classes} classes: give [N, C] values in one array.`,
    );
  if (!(temperature > 0)) throw usageError(`A temperature of ${temperature} makes no sense: give a number above 0.`);
  const probabilities = new Float32Array(logits.length);
  for (let row = 0; row < logits.length; row += classes) {
    let top = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) top = Math.max(top, logits[row + c]!);
    let sum = 0;
    for (let c = 0; c < classes; c++) {
      const value = Math.exp((logits[row + c]! - top) / temperature);
      probabilities[row + c] = value;
      sum += value;
    }
    for (let c = 0; c < classes; c++) probabilities[row + c]! /= sum;
  }
  return probabilities;
}

/** The position of the largest of the `classes` values that start at `row`; the first of equals. */
export function argmax(values: Float32Array | readonly number[], row: number, classes: number): number {
  let best = 0;
  for (let c = 1; c < classes; c++) if (values[row + c]! > values[row + best]!) best = c;
  return best;
}

/** `[N]`: 1 where the largest of a row of `values` `[N, classes]` is its label's, else 0. */
export const rightIn = (
  values: Float32Array | readonly number[],
  labels: ArrayLike<number>,
  classes: number,
): Uint8Array => Uint8Array.from(labels, (label, row) => (argmax(values, row * classes, classes) === label ? 1 : 0));
