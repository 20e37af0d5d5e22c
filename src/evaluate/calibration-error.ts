/** Whether "90% sure" is right nine times in ten: reliability bins and the expected calibration error. */
import type { ReliabilityBin } from "./evaluation.ts";
import { argmax } from "./softmax.ts";

/** Bins of equal width over [0, 1], as in the paper. */
export const calibrationBins = 15;

/** The bin of a top probability. */
export const binOf = (top: number): number =>
  Math.min(calibrationBins - 1, Math.max(0, Math.ceil(top * calibrationBins) - 1));

/**
 * Sorts the examples by their top probability into ]0, 1/15], ]1/15, 2/15], … and compares, in each bin, the mean of
 * that probability with the share answered rightly.
 * Source: C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", arXiv 1706.04599, equations 1–2.
 *
 * @param probabilities `[N, C]`
 * @param labels `[N]`
 * @param classes `C`
 */
export function reliabilityBins(
  probabilities: Float32Array | readonly number[],
  labels: Int32Array | readonly number[],
  classes: number,
): ReliabilityBin[] {
  const counts = new Array<number>(calibrationBins).fill(0);
  const correct = new Array<number>(calibrationBins).fill(0);
  const confidence = new Array<number>(calibrationBins).fill(0);
  for (let i = 0; i < labels.length; i++) {
    const answer = argmax(probabilities, i * classes, classes);
    const top = probabilities[i * classes + answer]!;
    const bin = binOf(top);
    counts[bin]!++;
    confidence[bin]! += top;
    if (answer === labels[i]) correct[bin]!++;
  }
  return counts.map((count, bin) => ({
    lower: bin / calibrationBins,
    upper: (bin + 1) / calibrationBins,
    count,
    confidence: count === 0 ? null : confidence[bin]! / count,
    accuracy: count === 0 ? null : correct[bin]! / count,
  }));
}

/**
 * The expected calibration error: the gap between confidence and accuracy, averaged over the bins by their examples.
 * In [0, 1]; 0 where there is no example. Source: arXiv 1706.04599, equation 3.
 */
export function calibrationError(bins: readonly ReliabilityBin[]): number {
  const examples = bins.reduce((sum, { count }) => sum + count, 0);
  return bins.reduce(
    (sum, { count, confidence, accuracy }) =>
      confidence === null || accuracy === null ? sum : sum + (count / examples) * Math.abs(accuracy - confidence),
    0,
  );
}
