/**
 * Label scorers: for each network, a head that was fitted on other images, and an image's nearest neighbours. Each scores every class
 * without having seen the image's label. Networks are the audit's own and others whose features of these images are in the cache.
 */
import { createMeter, type OnProgress } from "../../base/progress.ts";
import type { Random } from "../../base/random.ts";
import { featuresAtHand } from "../../train/features/at-hand.ts";
import type { RowTable } from "../../train/features/table.ts";
import { fitHead } from "../../train/head/fit.ts";
import { findNeighbours, type Neighbours } from "../neighbours.ts";
import type { AuditLabels } from "./evidence.ts";
import type { LabelScorer } from "./noise.ts";

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
