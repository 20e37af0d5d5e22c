/** Where a classifier goes wrong: its most confident mistakes, and the classes it confuses most. */
import { argmax } from "./softmax.ts";

/** A wrong answer; `truth` and `prediction` are positions in the classes. */
export interface Mistake {
  /** The example's position. */
  readonly index: number;
  readonly truth: number;
  readonly prediction: number;
  /** The probability of the wrong answer. */
  readonly probability: number;
}

/** The `limit` wrong answers given with the highest probability, the surest first; equals in the examples' order. */
export function mostConfidentMistakes(
  probabilities: Float32Array | readonly number[],
  labels: Int32Array | readonly number[],
  limit: number,
): Mistake[] {
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

/** So many examples of class `truth` were called `prediction`. */
export interface ConfusedPair {
  readonly truth: number;
  readonly prediction: number;
  readonly count: number;
  /** Of all examples of `truth`, in (0, 1]. */
  readonly share: number;
}

/** The pairs of classes that are confused, most often first; then by share, then in the classes' order. */
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
