/** k-NN accuracy: the share of rows that their nearest neighbours classify correctly. Needs no fit. */
import type { Symmetric } from "./gram.ts";

/** The number of neighbours. */
export const NEIGHBOURS = 5;

/**
 * Finds the rows that are classified correctly by their `neighbours` nearest rows by angle, each voting with its cosine (leave-one-out).
 * Of equal votes the first class wins.
 *
 * @param gram of the features `[N, D]`
 * @returns `[N]`, 1 if correct
 */
export function knnCorrect(
  { size, data }: Symmetric,
  labels: ArrayLike<number>,
  classes: number,
  neighbours = NEIGHBOURS,
): Uint8Array {
  const lengths = Float64Array.from({ length: size }, (_, i) => Math.sqrt(data[i * size + i]!));
  const correct = new Uint8Array(size);
  const cosines = new Float64Array(size);
  for (let row = 0; row < size; row++) {
    for (let j = 0; j < size; j++) {
      const scale = lengths[row]! * lengths[j]!;
      cosines[j] = scale > 0 ? data[row * size + j]! / scale : 0;
    }
    cosines[row] = Number.NEGATIVE_INFINITY;
    const votes = new Float64Array(classes);
    for (const near of largest(cosines, Math.min(neighbours, size - 1))) {
      const label = labels[near]!;
      votes[label] = votes[label]! + cosines[near]!;
    }
    correct[row] = votes.indexOf(Math.max(...votes)) === labels[row] ? 1 : 0;
  }
  return correct;
}

/** The positions of the `count` largest values, largest first; of equals the first. */
function largest(values: Float64Array, count: number): number[] {
  const best: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (best.length === count && !(values[i]! > values[best.at(-1)!]!)) continue;
    let at = best.length;
    while (at > 0 && values[i]! > values[best[at - 1]!]!) at--;
    best.splice(at, 0, i);
    if (best.length > count) best.pop();
  }
  return best;
}
