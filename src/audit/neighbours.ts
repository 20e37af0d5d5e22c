/**
 * The nearest neighbours of each image by the network's features: the classes they vote for, and how far the nearest of the image's own
 * class are. Copies of the image are excluded: they would vote for whatever label was copied with them.
 */
import type { Random } from "../base/random.ts";
import { eachSimilarity, unitRows } from "../train/features/similarity.ts";
import type { RowTable } from "../train/features/table.ts";

/** The number of neighbours. */
export const NEIGHBOURS = 10;
/** Maximum number of candidate neighbours, so that the time grows linearly with the dataset and not quadratically. */
export const MOST_REFERENCES = 4000;

export interface Neighbours {
  /** `[N, C]`: the votes of the nearest images, weighted by similarity; each row sums to 1. */
  readonly votes: Float32Array;
  /** `[N]`: mean cosine distance of the nearest images of the same class. */
  readonly ownDistance: Float32Array;
  /** `[N]`: mean cosine distance of the five nearest images of any class. */
  readonly nearestDistance: Float32Array;
  /** How many images served as candidates. */
  readonly references: number;
}

/**
 * Finds the neighbours of every image.
 *
 * @param features `[N, D]`
 * @param labels `[N]`
 * @param groups `[N]`: the group of copies that each image is in; an image without copies has a number of its own
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

/** Keeps the `count` items of the highest value, highest first. */
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
