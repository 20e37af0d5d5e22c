/** Small functions on lists: joining, counting, grouping, statistics, disjoint sets. Knows nothing of images or networks. */

/** Joins float arrays into one. A single part is returned itself, without a copy. */
export function concatenate(parts: readonly Float32Array[]): Float32Array {
  if (parts.length === 1) return parts[0]!;
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** How often each item occurs, in the order in which items first occur. */
export function tally<T>(items: Iterable<T>): Map<T, number> {
  const counts = new Map<T, number>();
  for (const item of items) counts.set(item, (counts.get(item) ?? 0) + 1);
  return counts;
}

/** The items with equal keys, in order; keys in the order in which they first occur. `Map.groupBy`, which Node 20 lacks. */
export function groupedBy<T, K>(items: Iterable<T>, keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const own = groups.get(key);
    if (own) own.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}

/** The arithmetic mean; NaN for an empty list. */
export const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** The value below which a share (0 to 1) of the values is, interpolated linearly; NaN for an empty list. */
export function quantile(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort();
  const at = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
  return low === undefined || high === undefined ? Number.NaN : low + (high - low) * (at - Math.floor(at));
}

/** Disjoint sets of numbers that are joined pair by pair: union–find with path halving. */
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
