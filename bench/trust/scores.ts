/** Scores of strangeness from a head's logits, for the benches: higher is stranger. */

/** The log of the summed exponentials of some logits. */
export function logSum(logits: Float32Array): number {
  const top = Math.max(...logits);
  return top + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - top), 0));
}

/** Minus the log of the summed exponentials of the logits: Liu et al., NeurIPS 2020, arXiv 2010.03759. */
export const energyOf = (logits: Float32Array, classes: number): Float64Array =>
  Float64Array.from(
    { length: logits.length / classes },
    (_, row) => -logSum(logits.subarray(row * classes, (row + 1) * classes)),
  );

/** One minus the top probability: Hendrycks and Gimpel, ICLR 2017, arXiv 1610.02136. */
export const uncertaintyOf = (probabilities: Float32Array, classes: number): Float64Array =>
  Float64Array.from(
    { length: probabilities.length / classes },
    (_, row) => 1 - Math.max(...probabilities.subarray(row * classes, (row + 1) * classes)),
  );

/** The share of known scores that are below each. */
export function ranksAmong(known: ArrayLike<number>, scores: ArrayLike<number>): Float64Array {
  const sorted = Float64Array.from(known as ArrayLike<number>).sort();
  return Float64Array.from(scores, (score) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle]! < score) low = middle + 1;
      else high = middle;
    }
    return low / sorted.length;
  });
}

/** The sum of several scores of the same rows. */
export const summed = (...scores: readonly ArrayLike<number>[]): Float64Array =>
  Float64Array.from({ length: scores[0]!.length }, (_, row) => scores.reduce((sum, one) => sum + one[row]!, 0));

/** The share of unknown rows that pass where 95% of the known ones do. */
export function missedAt95(known: ArrayLike<number>, unknown: ArrayLike<number>): number {
  const sorted = Float64Array.from(known as ArrayLike<number>).sort();
  const threshold = sorted[Math.min(sorted.length - 1, Math.ceil(0.95 * sorted.length) - 1)]!;
  return Array.from(unknown).filter((score) => score <= threshold).length / unknown.length;
}

/** How many deviations of the known scores each is above their mean: unlike a rank, it tells far from very far. */
export function inDeviations(known: ArrayLike<number>, scores: ArrayLike<number>): Float64Array {
  const values = Array.from(known);
  const mean = values.reduce((sum, one) => sum + one, 0) / values.length;
  const deviation = Math.sqrt(values.reduce((sum, one) => sum + (one - mean) ** 2, 0) / values.length);
  return Float64Array.from(scores, (score) => (score - mean) / deviation);
}
