/** Softmax, arg max and log losses of logits, row by row and without overflow. Knows nothing of the model that computed them. */
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
export const correctFlags = (values: Values, labels: ArrayLike<number>, classes: number): Uint8Array =>
  Uint8Array.from(labels, (label, row) => (argmax(values, row * classes, classes) === label ? 1 : 0));

// Log loss of logits per example, with optional label smoothing for small samples.

/** Accuracy, and the mean negative log of the true class's probability in nats. */
export interface Scores {
  readonly accuracy: number;
  readonly logLoss: number;
}

/**
 * The probability of an error after `examples` correct predictions in a row, by Laplace's rule of succession: 1 / (n + 2). Label
 * smoothing by it keeps the optimum within the range of probabilities that so many examples can support.
 * Source: J. Platt, "Probabilistic outputs for support vector machines" (1999), section 2.2, whose targets are (n + 1) / (n + 2).
 */
export const missShare = (examples: number): number => 1 / (examples + 2);

/**
 * The negative log likelihood of each example, in nats.
 *
 * @param logits `[N, C]`
 * @param labels `[N]`
 * @param classes `C`
 * @param miss label smoothing: the share of each label that is spread evenly over the other classes; default 0
 */
export function logLosses(logits: Values, labels: Labels, classes: number, miss = 0): Float64Array {
  const losses = new Float64Array(labels.length);
  const others = classes > 1 ? miss / (classes - 1) : 0;
  for (let i = 0; i < labels.length; i++) {
    const row = i * classes;
    let top = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) top = Math.max(top, logits[row + c]!);
    let [sum, all] = [0, 0];
    for (let c = 0; c < classes; c++) {
      sum += Math.exp(logits[row + c]! - top);
      all += logits[row + c]! - top;
    }
    const truth = logits[row + labels[i]!]! - top;
    losses[i] = Math.log(sum) - truth + others * (classes * truth - all);
  }
  return losses;
}

/** Scores logits `[N, C]` against labels `[N]`. */
export function scoreLogits(logits: Values, labels: Labels, classes: number): Scores {
  let correct = 0;
  for (let i = 0; i < labels.length; i++) if (argmax(logits, i * classes, classes) === labels[i]) correct++;
  const logLoss = logLosses(logits, labels, classes).reduce((sum, loss) => sum + loss, 0);
  return { accuracy: correct / labels.length, logLoss: logLoss / labels.length };
}
