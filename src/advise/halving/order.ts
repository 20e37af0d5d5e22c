/** The order in which pictures are looked at, so that every beginning of it is a fair sample of the classes. */
import type { Random } from "../../base/random.ts";

/** So many of each class come first, or all that a rare one has. */
export const FIRST_OF_CLASS = 5;

/**
 * All positions of `labels` in an order of which each beginning is stratified: first a few of every class in turn, then the
 * rest, each class spread evenly. Within a class by chance.
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
        // The first few of all classes go before everything else, in rounds.
        const place = i < FIRST_OF_CLASS ? i - FIRST_OF_CLASS : (i + 0.5) / own.length;
        return { item, label, place };
      }),
    );
  return placed.sort((a, b) => a.place - b.place || a.label - b.label).map(({ item }) => item);
}
