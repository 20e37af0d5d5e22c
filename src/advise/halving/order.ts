/** A stratified order of images, of which every prefix is a representative sample of the classes. */
import type { Random } from "../../base/random.ts";

/** This many images of each class come first, or all of a rarer class. */
export const FIRST_OF_CLASS = 5;

/**
 * Orders all positions of `labels` so that each prefix is stratified: first a few of every class in turn, then the rest, each class spread
 * evenly. Random within a class.
 */
export function stratifiedOrder(labels: ArrayLike<number>, random: Random): number[] {
  const members = new Map<number, number[]>();
  for (let i = 0; i < labels.length; i++) {
    const own = members.get(labels[i]!);
    if (own) own.push(i);
    else members.set(labels[i]!, [i]);
  }
  const placed = [...members]
    .sort(([a], [b]) => a - b)
    .flatMap(([label, own]) =>
      random.shuffle(own).map((item, i) => {
        // The first few of all classes come before everything else, in rounds.
        const place = i < FIRST_OF_CLASS ? i - FIRST_OF_CLASS : (i + 0.5) / own.length;
        return { item, label, place };
      }),
    );
  return placed.sort((a, b) => a.place - b.place || a.label - b.label).map(({ item }) => item);
}
