/** Log loss of logits per example, with optional label smoothing for small samples. */

import { argmax, type Labels, type Values } from "./softmax.ts";

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
