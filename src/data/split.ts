/** Dealing examples to splits and folds so that every class is spread evenly, by chance but reproducibly. */
import type { Random } from "../base/random.ts";

/** The share of the training pictures that is held out to stop fine-tuning by, where no others are given for that. */
export const VALIDATION_SHARE = 0.15;

const byClass = (labels: ArrayLike<number>): Map<number, number[]> => {
  const members = new Map<number, number[]>();
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    const own = members.get(label);
    if (own) own.push(i);
    else members.set(label, [i]);
  }
  return new Map([...members].sort(([a], [b]) => a - b));
};

/**
 * Holds out `share` of each class: at least one example of a class that has three or more, and never so many that
 * fewer than two are kept. Positions come back in ascending order.
 */
export function stratifiedSplit(
  labels: ArrayLike<number>,
  share: number,
  random: Random,
): { kept: number[]; held: number[] } {
  const kept: number[] = [];
  const held: number[] = [];
  for (const members of byClass(labels).values()) {
    const wanted = Math.max(1, Math.round(members.length * share));
    const count = Math.max(0, Math.min(wanted, members.length - 2));
    const shuffled = random.shuffle(members);
    held.push(...shuffled.slice(0, count));
    kept.push(...shuffled.slice(count));
  }
  const ascending = (a: number, b: number): number => a - b;
  return { kept: kept.sort(ascending), held: held.sort(ascending) };
}

/**
 * The fold of each example, 0 … `folds` − 1. Within a class, fold sizes differ by one at the most; the surplus goes to
 * other folds from class to class, so that the folds' totals stay even too.
 */
export function stratifiedFolds(labels: ArrayLike<number>, folds: number, random: Random): Int32Array {
  const foldOf = new Int32Array(labels.length);
  let next = 0;
  for (const members of byClass(labels).values()) {
    for (const example of random.shuffle(members)) foldOf[example] = next++ % folds;
  }
  return foldOf;
}
