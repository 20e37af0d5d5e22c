/** Log loss of logits, example by example: of the classes as they are, or of labels smoothed by what few examples leave open. */

import { argmax } from "./softmax.ts";

/** How right answers are: the share that is, and the mean negative log of the true class's probability. */
export interface Scores {
  readonly accuracy: number;
  readonly logLoss: number;
}

type Values = Float32Array | readonly number[];
type Labels = Int32Array | readonly number[];

/**
 * The chance that the next answer is wrong after `examples` right ones in a row: Laplace's rule of succession, 1 / (n + 2). Losses of
 * labels smoothed by it have their least within the range of probabilities that so many examples can tell of.
 * Source: J. Platt, "Probabilistic outputs for support vector machines" (1999), section 2.2, whose targets are (n + 1) / (n + 2).
 */
export const missShare = (examples: number): number => 1 / (examples + 2);

/**
 * The negative log likelihood of each example, in nats.
 *
 * @param logits `[N, C]`
 * @param labels `[N]`
 * @param classes `C`
 * @param miss the share of each label that is spread evenly over the other classes; default none
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

/** Scores of logits `[N, C]` against the classes `[N]`. */
export function scoreLogits(logits: Values, labels: Labels, classes: number): Scores {
  let correct = 0;
  for (let i = 0; i < labels.length; i++) if (argmax(logits, i * classes, classes) === labels[i]) correct++;
  const logLoss = logLosses(logits, labels, classes).reduce((sum, loss) => sum + loss, 0);
  return { accuracy: correct / labels.length, logLoss: logLoss / labels.length };
}
