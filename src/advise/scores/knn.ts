/** k-NN: the share of rows that their nearest neighbours among the others name rightly. Needs no fit at all. */
import type { Symmetric } from "./gram.ts";

/** Neighbours that vote. */
export const NEIGHBOURS = 5;

/**
 * Which rows are named rightly by the `neighbours` others at the smallest angle to them, each voting with the cosine of it
 * (leave-one-out). Among equal votes the first class counts.
 *
 * @param gram of the features `[N, D]`
 * @returns `[N]`, 1 where right
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
