/**
 * Temperature scaling: divides all logits by one number so that the probabilities are calibrated. It changes no prediction, only its
 * confidence.
 * Source: C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", arXiv 1706.04599, section 4.2.
 */
import { dataError, usageError } from "../base/errors.ts";
import { argmax, type Labels, missShare, type Values } from "./logits.ts";

/** The temperatures that are searched. */
export const temperatureBounds: readonly [lowest: number, highest: number] = [0.1, 100];

/**
 * How many nats a temperature below 1 must gain on the examples to be accepted: half the 95% quantile of χ² with one degree of freedom,
 * the likelihood-ratio test. Temperatures above 1 need no such test: overconfidence costs without bound, underconfidence does not.
 */
const REQUIRED_GAIN = 1.92;

/** A fitted temperature and what it did to the mean negative log likelihood (nats) of the examples it was fitted on. */
export interface Temperature {
  readonly temperature: number;
  /**
   * `highest` if the optimum would be infinite (the logits are worse than useless), `lowest` if it would be below the search range;
   * `none` if the optimum is within the range, or no temperature below 1 is accepted.
   */
  readonly bound: "none" | "lowest" | "highest";
  readonly lossBefore: number;
  readonly lossAfter: number;
  /** Examples that it was fitted on. */
  readonly examples: number;
  /** How many of them were misclassified. */
  readonly errors: number;
}

/**
 * Finds the temperature with the lowest negative log likelihood of labels smoothed by {@link missShare}, to about nine digits. Without
 * smoothing, examples that are all correct would take it to 0. The result is at least 1 if no example was misclassified, and if a lower
 * temperature gains less than {@link REQUIRED_GAIN}.
 * The loss is convex in β = 1/temperature, so Newton's method runs on its slope, within a bracket that only shrinks.
 *
 * @param logits `[N, C]` of examples that the head was not trained on (a held-out set, or out-of-fold predictions)
 * @param labels `[N]`
 * @throws GraftError (`usage`) if shapes do not match, (`data`) if a logit is not finite
 */
export function fitTemperature(logits: Values, labels: Labels): Temperature {
  const classes = classCount(logits, labels);
  const examples = labels.length;
  let errors = 0;
  for (let i = 0; i < examples; i++) if (argmax(logits, i * classes, classes) !== labels[i]) errors++;
  const miss = classes > 1 ? missShare(examples) : 0;
  const at = (beta: number, share = miss) => lossAt(beta, logits, labels, classes, share);
  const { beta, bound } = leastLoss(at);
  const isAccepted = errors > 0 && examples * (at(1).loss - at(beta).loss) > REQUIRED_GAIN;
  const used = beta > 1 && !isAccepted ? 1 : beta;
  return {
    temperature: 1 / used,
    bound: used === beta ? bound : "none",
    lossBefore: at(1, 0).loss,
    lossAfter: at(used, 0).loss,
    examples,
    errors,
  };
}

/** The β of the lowest loss within the bounds. */
function leastLoss(at: (beta: number) => ReturnType<typeof lossAt>): { beta: number; bound: Temperature["bound"] } {
  const [lowest, highest] = temperatureBounds;
  let [low, high] = [1 / highest, 1 / lowest];
  let beta = 1;
  const here = at(beta);
  if (here.slope === 0) return { beta: 1, bound: "none" };
  if (here.slope < 0 && at(high).slope <= 0) return { beta: high, bound: "lowest" };
  if (here.slope > 0 && at(low).slope >= 0) return { beta: low, bound: "highest" };
  for (let step = 0; step < 200; step++) {
    const { slope, curvature } = at(beta);
    if (slope > 0) high = beta;
    else low = beta;
    const newton = beta - slope / curvature;
    const next = newton > low && newton < high ? newton : Math.sqrt(low * high);
    const moved = Math.abs(next - beta);
    beta = next;
    if (moved <= 1e-10 * beta) break;
  }
  return { beta, bound: "none" };
}

/**
 * Mean negative log likelihood at β of labels smoothed by `miss`, its slope (mean of E[z] − z_truth, the truth smoothed) and its
 * curvature (mean variance of z).
 */
function lossAt(beta: number, logits: Values, labels: Labels, classes: number, miss: number) {
  const others = miss === 0 ? 0 : miss / (classes - 1);
  let [loss, slope, curvature] = [0, 0, 0];
  for (let i = 0; i < labels.length; i++) {
    const row = i * classes;
    let top = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) top = Math.max(top, logits[row + c]!);
    let [sum, first, second, all] = [0, 0, 0, 0];
    for (let c = 0; c < classes; c++) {
      const z = logits[row + c]! - top;
      const weight = Math.exp(beta * z);
      sum += weight;
      first += weight * z;
      second += weight * z * z;
      all += z;
    }
    const own = logits[row + labels[i]!]! - top;
    const truth = own - others * (classes * own - all);
    const mean = first / sum;
    loss += Math.log(sum) - beta * truth;
    slope += mean - truth;
    curvature += second / sum - mean * mean;
  }
  const count = labels.length;
  return { loss: loss / count, slope: slope / count, curvature: curvature / count };
}

/** `C`, after checking shapes and values. */
function classCount(logits: Values, labels: Labels): number {
  const classes = logits.length / labels.length;
  if (labels.length === 0 || !Number.isInteger(classes) || classes < 1)
    throw usageError(`Expected logits [N, C], but ${logits.length} logits do not match ${labels.length} labels.`);
  const stray = labels.find((label) => !(Number.isInteger(label) && label >= 0 && label < classes));
  if (stray !== undefined) throw usageError(`Expected labels from 0 to ${classes - 1}, but got ${stray}.`);
  for (const logit of logits)
    if (!Number.isFinite(logit))
      throw dataError(`A logit is ${logit}, so the model diverged: train it again with a lower learning rate.`);
  return classes;
}
