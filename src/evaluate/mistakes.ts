/** A classifier's most confident mistakes, and the pairs of classes that it confuses most. */
import { argmax, type Labels, type Values } from "./softmax.ts";

/** A misclassified example; `truth` and `prediction` are positions in the classes. */
export interface Mistake {
  /** The example's position. */
  readonly index: number;
  readonly truth: number;
  readonly prediction: number;
  /** The probability of the wrong class. */
  readonly probability: number;
}

/** The `limit` mistakes with the highest probability, most confident first; equals in the examples' order. */
export function mostConfidentMistakes(probabilities: Values, labels: Labels, limit: number): Mistake[] {
  const classes = probabilities.length / labels.length;
  const mistakes: Mistake[] = [];
  for (let index = 0; index < labels.length; index++) {
    const prediction = argmax(probabilities, index * classes, classes);
    const truth = labels[index]!;
    if (prediction !== truth)
      mistakes.push({ index, truth, prediction, probability: probabilities[index * classes + prediction]! });
  }
  return mistakes.sort((a, b) => b.probability - a.probability || a.index - b.index).slice(0, limit);
}

/** How many examples of class `truth` were predicted as `prediction`. */
export interface ConfusedPair {
  readonly truth: number;
  readonly prediction: number;
  readonly count: number;
  /** Of all examples of `truth`, in (0, 1]. */
  readonly share: number;
}

/** The most confused pairs of classes, by count, then by share, then in the classes' order. */
export function mostConfusedPairs(confusion: readonly (readonly number[])[], limit: number): ConfusedPair[] {
  return confusion
    .flatMap((row, truth) => {
      const support = row.reduce((sum, count) => sum + count, 0);
      return row.map((count, prediction) => ({ truth, prediction, count, share: count / support }));
    })
    .filter(({ truth, prediction, count }) => truth !== prediction && count > 0)
    .sort((a, b) => b.count - a.count || b.share - a.share)
    .slice(0, limit);
}
