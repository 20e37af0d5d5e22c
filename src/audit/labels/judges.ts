/** The judges of labels: a head that was fitted on other images, and an image's nearest neighbours. Each scores every class. */
import { createMeter, type OnProgress } from "../../base/progress.ts";
import type { Random } from "../../base/random.ts";
import type { RowTable } from "../../train/features/table.ts";
import { fitHead } from "../../train/head/fit.ts";
import type { Labelled } from "./evidence.ts";
import type { Judge } from "./noise.ts";

/** Penalties that the head is fitted with: strong ones, which follow single labels least. */
const STRENGTHS = [0.1, 1];
const FOLDS = 5;
/** The vote that every class has before any neighbour is asked: half a neighbour's. */
const PRIOR_VOTE = 0.05;

/** A head's logits `[N, C]` for every image, from the fold that held it out; copies are in one fold. */
export async function headJudge(
  network: string,
  table: RowTable,
  { labels, classes, groups }: Labelled,
  random: Random,
  { onProgress, signal }: { readonly onProgress?: OnProgress | undefined; readonly signal?: AbortSignal | undefined },
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
export const neighbourJudge = (network: string, votes: Float32Array): Judge => ({
  name: `nearest neighbours by ${network}`,
  scores: votes.map((vote) => Math.log(vote + PRIOR_VOTE)),
});
