/** Reliability bins and the expected calibration error: whether examples with 90% confidence are correct nine times in ten. */
import { argmax, type Labels, type Values } from "./softmax.ts";

/** Examples with a top probability in ]`lower`, `upper`]. */
export interface ReliabilityBin {
  readonly lower: number;
  readonly upper: number;
  readonly count: number;
  /** Mean top probability; null in an empty bin. */
  readonly confidence: number | null;
  /** Share of correct predictions; null in an empty bin. */
  readonly accuracy: number | null;
}

/** Bins of equal width over [0, 1], as in the paper. */
export const calibrationBins = 15;

/** The bin of a top probability. */
export const binOf = (top: number): number =>
  Math.min(calibrationBins - 1, Math.max(0, Math.ceil(top * calibrationBins) - 1));

/**
 * Sorts the examples by top probability into ]0, 1/15], ]1/15, 2/15], … and compares, per bin, the mean top probability with the
 * accuracy.
 * Source: C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", arXiv 1706.04599, equations 1–2.
 *
 * @param probabilities `[N, C]`
 * @param labels `[N]`
 * @param classes `C`
 */
export function reliabilityBins(probabilities: Values, labels: Labels, classes: number): ReliabilityBin[] {
  const counts = new Array<number>(calibrationBins).fill(0);
  const correct = new Array<number>(calibrationBins).fill(0);
  const confidence = new Array<number>(calibrationBins).fill(0);
  for (let i = 0; i < labels.length; i++) {
    const predicted = argmax(probabilities, i * classes, classes);
    const top = probabilities[i * classes + predicted]!;
    const bin = binOf(top);
    counts[bin]!++;
    confidence[bin]! += top;
    if (predicted === labels[i]) correct[bin]!++;
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
 * The expected calibration error in [0, 1]: the gap between confidence and accuracy, averaged over the bins weighted by their
 * examples. 0 if there are no examples. Source: arXiv 1706.04599, equation 3.
 */
export function calibrationError(bins: readonly ReliabilityBin[]): number {
  const examples = bins.reduce((sum, { count }) => sum + count, 0);
  return bins.reduce(
    (sum, { count, confidence, accuracy }) =>
      confidence === null || accuracy === null ? sum : sum + (count / examples) * Math.abs(accuracy - confidence),
    0,
  );
}
