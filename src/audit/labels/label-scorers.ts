/**
 * Label scorers: for each network, a head that was fitted on other images, and the votes of an image's nearest neighbours. Each scores every class
 * without having seen the image's label. Combining the scores is in label-evidence.ts.
 */
import { createMeter, type OnProgress } from "../../base/progress.ts";
import type { Random } from "../../base/random.ts";
import type { RowTable } from "../../train/features/feature-table.ts";
import { eachSimilarity, unitRows } from "../../train/features/feature-table.ts";
import { featuresAtHand } from "../../train/features/features-at-hand.ts";
import { fitHead } from "../../train/head/fit.ts";
import type { AuditLabels } from "./label-evidence.ts";
import type { LabelScorer } from "./label-noise.ts";

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
 * Finds the nearest neighbours of every image by a network's features, the classes they vote for, and their distances. Copies of the image are
 * excluded: they would vote for whatever label was copied with them.
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

// The scorers of all networks: the audit's own, and others whose features of these images are in the cache.

/** Penalties of the head's fit: strong ones, which follow single labels least. */
const STRENGTHS = [0.1, 1];
const FOLDS = 5;
/** The prior vote of every class: half a neighbour's. */
const PRIOR_VOTE = 0.05;
/** Maximum number of other networks. */
const MOST_OTHERS = 2;

export interface LabelScores {
  readonly scorers: readonly LabelScorer[];
  /** The neighbours by the audit's own network. */
  readonly neighbours: Neighbours;
  /** `[N, C]`: the votes of the nearest images, averaged over all networks. */
  readonly votes: Float32Array;
}

interface Listeners {
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Scores all labels with every available scorer.
 *
 * @param own the audit's network and its features `[N, D]`
 * @param digests SHA-256 of each image's file
 */
export async function scoreLabels(
  own: { readonly name: string; readonly table: RowTable },
  digests: readonly Buffer[],
  labelled: AuditLabels,
  random: Random,
  listeners: Listeners,
): Promise<LabelScores> {
  const others = await featuresAtHand(digests, { except: own.name, most: MOST_OTHERS });
  try {
    const scorers: LabelScorer[] = [];
    const neighboursByNetwork: Neighbours[] = [];
    for (const { name, table } of [own, ...others]) {
      const { labels, classes, groups } = labelled;
      scorers.push(await headScorer(name, table, labelled, random, listeners));
      const neighbours = await findNeighbours(table, labels, classes, groups, random);
      scorers.push(neighbourScorer(name, neighbours.votes));
      neighboursByNetwork.push(neighbours);
    }
    const votes = neighboursByNetwork[0]!.votes.map(
      (_, i) => neighboursByNetwork.reduce((sum, one) => sum + one.votes[i]!, 0) / neighboursByNetwork.length,
    );
    return { scorers, neighbours: neighboursByNetwork[0]!, votes };
  } finally {
    for (const { close } of others) close();
  }
}

/** A head's out-of-fold logits `[N, C]` for every image; copies are in one fold. */
async function headScorer(
  network: string,
  table: RowTable,
  { labels, classes, groups }: AuditLabels,
  random: Random,
  { onProgress, signal }: Listeners,
): Promise<LabelScorer> {
  const fits = STRENGTHS.length * FOLDS;
  const meter = createMeter({ stage: "Checking the labels", unit: "fits", total: fits, onProgress });
  const { outOfFoldLogits } = await fitHead(table, labels, classes, random, {
    strengths: STRENGTHS,
    folds: FOLDS,
    groups,
    onRound: (running) => meter.set(fits - running),
    signal,
  });
  return { name: `a head on ${network}`, scores: outOfFoldLogits };
}

/** @param votes `[N, C]`: each row sums to 1 */
const neighbourScorer = (network: string, votes: Float32Array): LabelScorer => ({
  name: `nearest neighbours by ${network}`,
  scores: votes.map((vote) => Math.log(vote + PRIOR_VOTE)),
});
