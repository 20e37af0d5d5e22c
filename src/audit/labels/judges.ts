/**
 * The judges of labels: of each network a head that was fitted on other images, and an image's nearest neighbours. Each scores every class
 * without having seen the image's label. Networks are the audit's own and others whose features of these images are in the cache.
 */
import { createMeter, type OnProgress } from "../../base/progress.ts";
import type { Random } from "../../base/random.ts";
import { featuresAtHand } from "../../train/features/at-hand.ts";
import type { RowTable } from "../../train/features/table.ts";
import { fitHead } from "../../train/head/fit.ts";
import { findNeighbours, type Neighbours } from "../neighbours.ts";
import type { Labelled } from "./evidence.ts";
import type { Judge } from "./noise.ts";

/** Penalties that the head is fitted with: strong ones, which follow single labels least. */
const STRENGTHS = [0.1, 1];
const FOLDS = 5;
/** The vote that every class has before any neighbour is asked: half a neighbour's. */
const PRIOR_VOTE = 0.05;
/** Other networks that judge, at most. */
const MOST_OTHERS = 2;

export interface Judges {
  readonly judges: readonly Judge[];
  /** By the audit's own network. */
  readonly neighbours: Neighbours;
  /** `[N, C]`: how the nearest images vote, over all networks. */
  readonly votes: Float32Array;
}

interface Told {
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Asks every judge at hand.
 *
 * @param own the audit's network and its features `[N, D]`
 * @param digests SHA-256 of each image's file
 */
export async function askJudges(
  own: { readonly name: string; readonly table: RowTable },
  digests: readonly Buffer[],
  labelled: Labelled,
  random: Random,
  told: Told,
): Promise<Judges> {
  const others = await featuresAtHand(digests, { except: own.name, most: MOST_OTHERS });
  try {
    const judges: Judge[] = [];
    const asked: Neighbours[] = [];
    for (const { name, table } of [own, ...others]) {
      const { labels, classes, groups } = labelled;
      judges.push(await headJudge(name, table, labelled, random, told));
      const neighbours = await findNeighbours(table, labels, classes, groups, random);
      judges.push(neighbourJudge(name, neighbours.votes));
      asked.push(neighbours);
    }
    const votes = asked[0]!.votes.map((_, i) => asked.reduce((sum, one) => sum + one.votes[i]!, 0) / asked.length);
    return { judges, neighbours: asked[0]!, votes };
  } finally {
    for (const { close } of others) close();
  }
}

/** A head's logits `[N, C]` for every image, from the fold that held it out; copies are in one fold. */
async function headJudge(
  network: string,
  table: RowTable,
  { labels, classes, groups }: Labelled,
  random: Random,
  { onProgress, signal }: Told,
): Promise<Judge> {
  const fits = STRENGTHS.length * FOLDS;
  const meter = createMeter({ stage: "Judging the labels", unit: "fits", total: fits, onProgress });
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
const neighbourJudge = (network: string, votes: Float32Array): Judge => ({
  name: `nearest neighbours by ${network}`,
  scores: votes.map((vote) => Math.log(vote + PRIOR_VOTE)),
});
