/**
 * The pictures most like each picture, to the network: what classes they are of, and how far the nearest of the picture's own class
 * are. Copies of the picture do not count: they would vote for whatever label was copied with them.
 */
import type { Random } from "../base/random.ts";
import { eachSimilarity, unitRows } from "../train/features/similarity.ts";
import type { RowTable } from "../train/features/table.ts";

/** Neighbours asked. */
export const NEIGHBOURS = 10;
/** Pictures that serve as neighbours, at most, so that a dataset of twice the size takes twice as long and not four times. */
export const MOST_REFERENCES = 4000;

export interface Neighbours {
  /** `[N, C]`: how the nearest pictures vote, weighed by their similarity; each row sums to 1. */
  readonly votes: Float32Array;
  /** `[N]`: mean cosine distance of the nearest pictures of the same class. */
  readonly ownDistance: Float32Array;
  /** `[N]`: mean cosine distance of the five nearest pictures of any class. */
  readonly nearestDistance: Float32Array;
  /** How many pictures served as neighbours. */
  readonly references: number;
}

/**
 * Finds the neighbours of every picture.
 *
 * @param features `[N, D]`
 * @param labels `[N]`
 * @param groups the group of copies that each picture is in, a number of its own for one without copies
 */
export async function findNeighbours(
  features: RowTable,
  labels: Int32Array,
  classes: number,
  groups: ArrayLike<number>,
  random: Random,
): Promise<Neighbours> {
  const all = Array.from({ length: labels.length }, (_, i) => i);
  const chosen = all.length <= MOST_REFERENCES ? all : random.shuffle(all).slice(0, MOST_REFERENCES);
  const votes = new Float32Array(labels.length * classes);
  const ownDistance = new Float32Array(labels.length);
  const nearestDistance = new Float32Array(labels.length);
  await eachSimilarity(features, unitRows(features, chosen), (row, similarities) => {
    const label = labels[row]!;
    const nearest = createBest(NEIGHBOURS);
    const own = createBest(NEIGHBOURS);
    for (let at = 0; at < chosen.length; at++) {
      const value = similarities[at]!;
      if (value <= nearest.least && (value <= own.least || labels[chosen[at]!] !== label)) continue;
      const other = chosen[at]!;
      if (groups[other] === groups[row]) continue;
      nearest.offer(value, other);
      if (labels[other] === label) own.offer(value, other);
    }
    let total = 0;
    for (const { value, item } of nearest.found) {
      const weight = Math.max(value, 1e-6);
      total += weight;
      votes[row * classes + labels[item]!] = votes[row * classes + labels[item]!]! + weight;
    }
    for (let c = 0; c < classes && total > 0; c++) votes[row * classes + c] = votes[row * classes + c]! / total;
    ownDistance[row] = meanDistance(own.found);
    nearestDistance[row] = meanDistance(nearest.found.slice(0, NEIGHBOURS / 2));
  });
  return { votes, ownDistance, nearestDistance, references: chosen.length };
}

const meanDistance = (found: readonly { value: number }[]): number =>
  found.reduce((sum, { value }) => sum + 1 - value, 0) / Math.max(1, found.length);

/** Keeps the `count` items of the highest value, best first. */
function createBest(count: number): {
  readonly found: readonly { value: number; item: number }[];
  readonly least: number;
  offer(value: number, item: number): void;
} {
  const found: { value: number; item: number }[] = [];
  return {
    found,
    get least() {
      return found.length < count ? Number.NEGATIVE_INFINITY : found.at(-1)!.value;
    },
    offer(value, item) {
      if (found.length === count && value <= found.at(-1)!.value) return;
      const at = found.findIndex((other) => other.value < value);
      found.splice(at < 0 ? found.length : at, 0, { value, item });
      if (found.length > count) found.pop();
    },
  };
}
