/**
 * Temperature scaling: one number by which all logits are divided so that the probabilities mean what they say.
 * It changes no answer, only how sure it sounds.
 * Source: C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", arXiv 1706.04599, section 4.2.
 */
import { dataError, usageError } from "../base/errors.ts";

/** The temperatures that are searched. */
export const temperatureBounds: readonly [lowest: number, highest: number] = [0.01, 100];

/** A fitted temperature and what it did to the mean negative log likelihood (nats) of the examples it was fitted on. */
export interface Temperature {
  readonly temperature: number;
  /**
   * `lowest` where the examples would take the temperature to 0 (every answer is right, so no sureness is too much),
   * `highest` where they would take it to infinity (the logits say less than nothing); `none` where the optimum is within.
   */
  readonly bound: "none" | "lowest" | "highest";
  readonly lossBefore: number;
  readonly lossAfter: number;
}

type Logits = Float32Array | readonly number[];
type Labels = Int32Array | readonly number[];

/**
 * Finds the temperature with the least negative log likelihood, to about nine digits.
 * The loss is convex in β = 1/temperature, so Newton's method is used on its slope, kept within a bracket that only shrinks.
 *
 * @param logits `[N, C]` of examples that the head was not trained on (a held-out set, or out-of-fold answers)
 * @param labels `[N]`
 * @throws a usage error where shapes do not fit, a data error where a logit is not finite
 */
export function fitTemperature(logits: Logits, labels: Labels): Temperature {
  const classes = classCount(logits, labels);
  const [lowest, highest] = temperatureBounds;
  const lossBefore = lossAt(1, logits, labels, classes).loss;
  const ended = (beta: number, bound: Temperature["bound"]): Temperature => ({
    temperature: 1 / beta,
    bound,
    lossBefore,
    lossAfter: lossAt(beta, logits, labels, classes).loss,
  });
  let [low, high] = [1 / highest, 1 / lowest];
  let beta = 1;
  const here = lossAt(beta, logits, labels, classes);
  if (here.slope === 0) return ended(1, "none");
  if (here.slope < 0 && lossAt(high, logits, labels, classes).slope <= 0) return ended(high, "lowest");
  if (here.slope > 0 && lossAt(low, logits, labels, classes).slope >= 0) return ended(low, "highest");
  for (let step = 0; step < 200; step++) {
    const { slope, curvature } = lossAt(beta, logits, labels, classes);
    if (slope > 0) high = beta;
    else low = beta;
    const newton = beta - slope / curvature;
    const next = newton > low && newton < high ? newton : Math.sqrt(low * high);
    const moved = Math.abs(next - beta);
    beta = next;
    if (moved <= 1e-10 * beta) break;
  }
  return ended(beta, "none");
}

/** Mean negative log likelihood at β, its slope (mean of E[z] − z_truth) and its curvature (mean variance of z). */
function lossAt(beta: number, logits: Logits, labels: Labels, classes: number) {
  let [loss, slope, curvature] = [0, 0, 0];
  for (let i = 0; i < labels.length; i++) {
    const row = i * classes;
    let top = Number.NEGATIVE_INFINITY;
    for (let c = 0; c < classes; c++) top = Math.max(top, logits[row + c]!);
    let [sum, first, second] = [0, 0, 0];
    for (let c = 0; c < classes; c++) {
      const z = logits[row + c]! - top;
      const weight = Math.exp(beta * z);
      sum += weight;
      first += weight * z;
      second += weight * z * z;
    }
    const truth = logits[row + labels[i]!]! - top;
    const mean = first / sum;
    loss += Math.log(sum) - beta * truth;
    slope += mean - truth;
    curvature += second / sum - mean * mean;
  }
  const count = labels.length;
  return { loss: loss / count, slope: slope / count, curvature: curvature / count };
}

/** `C`, after a check that the shapes and values make sense. */
function classCount(logits: Logits, labels: Labels): number {
  const classes = logits.length / labels.length;
  if (labels.length === 0 || !Number.isInteger(classes) || classes < 1)
    throw usageError(`${logits.length} logits do not fit ${labels.length} labels: give [N, C] logits and N labels.`);
  const stray = labels.find((label) => !(Number.isInteger(label) && label >= 0 && label < classes));
  if (stray !== undefined)
    throw usageError(`The label ${stray} names none of the ${classes} classes: give positions from 0.`);
  for (const logit of logits)
    if (!Number.isFinite(logit))
      throw dataError(`A logit is ${logit}: the model diverged; train it again with a smaller learning rate.`);
  return classes;
}
