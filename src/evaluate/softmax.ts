/** Softmax and arg max of logits, row by row, without overflow. */
import { usageError } from "../base/errors.ts";

/** `[N, C]` numbers, row by row. */
export type Values = Float32Array | readonly number[];
/** `[N]` positions in the classes. */
export type Labels = Int32Array | readonly number[];

/**
 * Softmax of each row of `logits` `[N, C]` divided by `temperature`; the row's maximum is subtracted first, so that no exponential
 * overflows.
 *
 * @param temperature above 0; default 1, the plain softmax
 * @returns probabilities `[N, C]`
 * @throws GraftError (`usage`) if the size is not a multiple of `classes` or the temperature is not above 0
 */
export function softmax(logits: Values, classes: number, temperature = 1): Float32Array {
  if (!Number.isInteger(classes) || classes < 1 || logits.length % classes !== 0)
    throw usageError(`Expected logits [N, C], but ${logits.length} logits are not a multiple of ${classes} classes.`);
  if (!(temperature > 0)) throw usageError(`Expected a temperature above 0, but got ${temperature}.`);
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
export function argmax(values: Values, row: number, classes: number): number {
  let best = 0;
  for (let c = 1; c < classes; c++) if (values[row + c]! > values[row + best]!) best = c;
  return best;
}

/** `[N]`: 1 where the arg max of a row of `values` `[N, classes]` is the row's label, else 0. */
export const rightIn = (values: Values, labels: ArrayLike<number>, classes: number): Uint8Array =>
  Uint8Array.from(labels, (label, row) => (argmax(values, row * classes, classes) === label ? 1 : 0));
