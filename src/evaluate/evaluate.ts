/** Evaluates a classifier's predictions: checks the numbers, counts once, and derives every score from the counts. */
import { dataError, usageError } from "../base/errors.ts";
import { calibrationError, reliabilityBins } from "./calibration-error.ts";
import { effectiveSize } from "./effective-size.ts";
import { type ClassScores, type Evaluation, FEW_EXAMPLES } from "./evaluation.ts";
import { groupedInterval, type Interval } from "./interval.ts";
import { argmax, type Labels, type Values } from "./softmax.ts";

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
