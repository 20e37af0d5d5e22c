/**
 * Evaluates a classifier's predictions on labelled examples: checks the numbers, counts once, and derives every score from the counts.
 * The result is plain data, ready for JSON. Runs no model.
 */

import { dataError, usageError } from "../base/errors.ts";
import { calibrationError, type ReliabilityBin, reliabilityBins } from "./calibrate.ts";
import { effectiveSize, groupedInterval, type Interval } from "./intervals.ts";
import { argmax, type Labels, type Values } from "./logits.ts";

/** Below this many examples a class's figures are too uncertain: with 10 of 10 found, its true recall may be 72%. */
export const FEW_EXAMPLES = 10;

/** The scores of one class. */
export interface ClassScores {
  readonly name: string;
  /** Examples of this class. */
  readonly support: number;
  /** Examples predicted as this class. */
  readonly predicted: number;
  /** Share of the examples predicted as this class that are of it; null if none was. */
  readonly precision: number | null;
  /** Share of the examples of this class that were predicted as it; null if there are none. */
  readonly recall: number | null;
  /** 95% Wilson intervals of both; null where the figure is. */
  readonly precisionInterval: Interval | null;
  readonly recallInterval: Interval | null;
  /** Whether this class has fewer than {@link FEW_EXAMPLES} examples, too few for reliable figures. */
  readonly few: boolean;
  /** Harmonic mean of both, 2·TP / (support + predicted); null where the class neither occurs nor is predicted. */
  readonly f1: number | null;
}

/** The result of `evaluatePredictions`. Shares are in [0, 1]. */
export interface Evaluation {
  readonly examples: number;
  readonly correct: number;
  readonly accuracy: number;
  /** The number of independent examples that carry as much information: fewer than `examples` if some are grouped. Missing in older files. */
  readonly effectiveExamples?: number | undefined;
  /** 95% Wilson interval of the accuracy, from `effectiveExamples`. */
  readonly interval: Interval;
  /** Mean recall of the classes that have examples. */
  readonly balancedAccuracy: number;
  /** Mean negative log of the true class's probability, in nats; probabilities below 2^-23 count as 2^-23. */
  readonly logLoss: number;
  /** Examples whose true class had less than 2^-23, for which `logLoss` is too low. */
  readonly logLossFloored: number;
  /** Mean squared distance of the probabilities from the truth, summed over the classes, in [0, 2]: Brier 1950. */
  readonly brier: number;
  /** Expected calibration error of the top probability, 15 bins of equal width. */
  readonly calibrationError: number;
  readonly reliability: readonly ReliabilityBin[];
  readonly perClass: readonly ClassScores[];
  /** `[truth][prediction]` counts, `[C, C]`. */
  readonly confusion: readonly (readonly number[])[];
  /** Always predicting the most frequent class in training; null if that class was not given. */
  readonly baseline: { readonly class: string; readonly accuracy: number } | null;
}

/** Predictions and true labels, example by example. */
export interface Predictions {
  /** `[N, C]`, each in [0, 1]. */
  readonly probabilities: Values;
  /** `[N]`, positions in `classes`. */
  readonly labels: Labels;
  readonly classes: readonly string[];
  /** The most frequent class in training, for the baseline; without it the result has no baseline. */
  readonly majorityClass?: number | undefined;
  /** `[N]`: the group of each example, which widens the intervals: grouped examples carry less information than independent ones. */
  readonly groups?: ArrayLike<number> | undefined;
}

/** Floor of the probabilities in the log loss: float32's epsilon, as in scikit-learn's `log_loss`. */
const leastProbability = 2 ** -23;

/**
 * Scores predictions of `N` examples. The predicted class is the one with the highest probability (the first of equals).
 * Precision, recall, F1 and log loss follow scikit-learn's definitions, with null where scikit-learn would divide by zero.
 *
 * @throws GraftError (`usage`) if shapes or labels do not match, (`data`) if a probability is outside [0, 1] or there are no examples
 */
export function evaluatePredictions({
  probabilities,
  labels,
  classes,
  majorityClass,
  groups,
}: Predictions): Evaluation {
  check(probabilities, labels, classes, majorityClass);
  const size = classes.length;
  const predicted = Int32Array.from(labels, (_, i) => argmax(probabilities, i * size, size));
  const right = Uint8Array.from(labels, (label, i) => (predicted[i] === label ? 1 : 0));
  const intervalOf = (isIncluded: (i: number) => boolean): Interval | null => {
    const rows = [...right.keys()].filter(isIncluded);
    const own = groups && rows.map((i) => groups[i]!);
    return rows.length === 0
      ? null
      : groupedInterval(
          Uint8Array.from(rows, (i) => right[i]!),
          own,
        );
  };
  const confusion = classes.map(() => new Array<number>(size).fill(0));
  let [loss, floored, squares] = [0, 0, 0];
  for (let i = 0; i < labels.length; i++) {
    const truth = labels[i]!;
    confusion[truth]![predicted[i]!]!++;
    const probability = probabilities[i * size + truth]!;
    if (probability < leastProbability) floored++;
    for (let c = 0; c < size; c++) squares += (probabilities[i * size + c]! - (c === truth ? 1 : 0)) ** 2;
    loss -= Math.log(Math.max(probability, leastProbability));
  }
  const examples = labels.length;
  const correct = confusion.reduce((sum, row, c) => sum + row[c]!, 0);
  const perClass = classes.map((name, c) => ({
    ...classScores(name, c, confusion),
    precisionInterval: intervalOf((i) => predicted[i] === c),
    recallInterval: intervalOf((i) => labels[i] === c),
  }));
  const recalls = perClass.flatMap(({ recall }) => (recall === null ? [] : [recall]));
  const reliability = reliabilityBins(probabilities, labels, size);
  return {
    examples,
    correct,
    accuracy: correct / examples,
    effectiveExamples: effectiveSize(right, groups),
    interval: groupedInterval(right, groups),
    balancedAccuracy: recalls.reduce((sum, recall) => sum + recall, 0) / recalls.length,
    logLoss: loss / examples,
    logLossFloored: floored,
    brier: squares / examples,
    calibrationError: calibrationError(reliability),
    reliability,
    perClass,
    confusion,
    baseline:
      majorityClass === undefined
        ? null
        : { class: classes[majorityClass]!, accuracy: perClass[majorityClass]!.support / examples },
  };
}

function classScores(
  name: string,
  c: number,
  confusion: readonly (readonly number[])[],
): Omit<ClassScores, "precisionInterval" | "recallInterval"> {
  const support = confusion[c]!.reduce((sum, count) => sum + count, 0);
  const predicted = confusion.reduce((sum, row) => sum + row[c]!, 0);
  const found = confusion[c]![c]!;
  const share = (part: number, whole: number): number | null => (whole === 0 ? null : part / whole);
  return {
    name,
    support,
    predicted,
    precision: share(found, predicted),
    recall: share(found, support),
    few: support < FEW_EXAMPLES,
    f1: share(2 * found, support + predicted),
  };
}

function check(
  probabilities: Predictions["probabilities"],
  labels: Predictions["labels"],
  classes: readonly string[],
  majorityClass: number | undefined,
): void {
  if (labels.length === 0) throw dataError("No examples to evaluate: add at least one labelled image.");
  if (probabilities.length !== labels.length * classes.length)
    throw usageError(
      `Expected probabilities [N, C], but ${probabilities.length} probabilities do not match ${labels.length} labels and ${classes.length} classes.`,
    );
  const isClass = (c: number): boolean => Number.isInteger(c) && c >= 0 && c < classes.length;
  const stray = labels.find((label) => !isClass(label));
  if (stray !== undefined || (majorityClass !== undefined && !isClass(majorityClass)))
    throw usageError(`Expected labels from 0 to ${classes.length - 1}, but got ${stray ?? majorityClass}.`);
  for (const probability of probabilities)
    if (!(probability >= 0 && probability <= 1 + 1e-5))
      throw dataError(
        `The model returned ${probability} as a probability: check that it ends in a softmax and that its training did not diverge.`,
      );
}

// The most confident mistakes, and the pairs of classes that are confused most.

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
