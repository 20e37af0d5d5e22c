/** Disjoint sets of numbers that are joined pair by pair: union–find with path halving. */
import { groupedBy } from "../../base/tally.ts";

export interface DisjointSets {
  /** The smallest number of the set. */
  root(of: number): number;
  join(a: number, b: number): void;
  /** Sets of two or more, each in ascending order. */
  groups(): number[][];
}

/** One set for each of the numbers 0 … `count` − 1. */
export function disjointSets(count: number): DisjointSets {
  const parents = Int32Array.from({ length: count }, (_, i) => i);
  const root = (of: number): number => {
    let at = of;
    while (parents[at] !== at) {
      parents[at] = parents[parents[at]!]!;
      at = parents[at]!;
    }
    return at;
  };
  return {
    root,
    join(a, b) {
      const [x, y] = [root(a), root(b)];
      parents[Math.max(x, y)] = Math.min(x, y);
    },
    groups() {
      return [...groupedBy(parents.keys(), root).values()].filter((group) => group.length > 1);
    },
  };
}
