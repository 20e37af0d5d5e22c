/**
 * Chooses the features that a head is trained on: which cut of the network, and whether to average over mirror images. Cross-validates on the
 * training images and prefers the network's own cut. Does not read images or files.
 */
import { secondsSince } from "../../base/progress.ts";
import { isClear, meansOfGroups, pairedGain } from "../../metrics/intervals.ts";
import { logLosses, missShare, scoreLogits } from "../../metrics/logits.ts";
import type { Cut, Views } from "../../networks/backbone/backbone.ts";
import { isBeforeCut } from "../../networks/backbone/backbone.ts";
import type { Network } from "../../networks/network.ts";
import type { HeadFit, HeadOptions } from "../head/fit.ts";
import { type Effort, efforts } from "../option-entries.ts";

import { type ReadCuts, type RowTable, readingOf } from "./feature-table.ts";

/** The cross-validation results of one kind of features. */
export interface FeatureTrial {
  /** The tensor at the cut. */
  readonly cut: string;
  readonly views: Views;
  /** Features per image. */
  readonly features: number;
  readonly l2: number;
  readonly accuracy: number;
  readonly logLoss: number;
  /**
   * How much lower its log loss is than that of the features it would replace, in nats per image, with the standard error of the difference:
   * it is chosen if the gain is larger. A cut would replace the network's own; mirrored views would replace the same cut without them. Null
   * for the network's own cut.
   */
  readonly gain: number | null;
  readonly standardError: number | null;
  /** Seconds of fitting its head. */
  readonly seconds: number;
}

/** What was tried, and what was chosen. */
export interface FeatureChoice {
  readonly effort: Effort;
  readonly cut: string;
  readonly views: Views;
  readonly tried: readonly FeatureTrial[];
}

export interface ChooseInput {
  readonly readings: ReadCuts;
  /** `[N, …]`: all features that were read of the training images. */
  readonly table: RowTable;
  readonly labels: Int32Array;
  /** Images of one group count once. */
  readonly groups: Int32Array;
  readonly classes: number;
  readonly effort: Effort;
  /** Fits a head on some of the table's columns. */
  readonly fit: (table: RowTable, how: Pick<HeadOptions, "near" | "foldOf">) => Promise<HeadFit>;
}

/** What an effort reads of each image: first the network's own cut, then the other cuts that it tries. */
export function readingsFor(effort: Effort, network: Network, [own, ...others]: readonly [Cut, ...Cut[]]): ReadCuts {
  const { cuts, mirrors } = efforts[effort];
  return { cuts: [own, ...others.filter(({ tensor }) => cuts === "all" || isBeforeCut(network, tensor))], mirrors };
}

interface Attempt {
  readonly cut: Cut;
  readonly head: HeadFit;
  readonly losses: readonly number[];
  readonly trial: FeatureTrial;
}

/**
 * Chooses features and fits the head on them. The network's own cut is fitted as if there were no choice; the others use the same folds, and
 * the search for their penalty starts from the best one there.
 */
export async function chooseFeatures(
  input: ChooseInput,
): Promise<{ readonly cut: Cut; readonly head: HeadFit; readonly choice: FeatureChoice }> {
  const { readings, effort } = input;
  const [own, ...others] = readings.cuts;
  const first = await attempt(input, own!, {}, undefined);
  const { foldOf, l2 } = first.head;
  const how = { near: l2, foldOf };
  const tried = [first];
  for (const cut of others) tried.push(await attempt(input, cut, how, first));
  let best = tried.reduce((a, b) => (isChosen(b) && b.trial.logLoss < a.trial.logLoss ? b : a));
  if (readings.mirrors) {
    const { tensor, shape } = best.cut;
    const mirrored = await attempt(input, { tensor, shape: { ...shape, views: "mirrored" } }, how, best);
    tried.push(mirrored);
    if (isChosen(mirrored)) best = mirrored;
  }
  const { cut, head } = best;
  const choice = { effort, cut: cut.tensor, views: viewsOf(cut), tried: tried.map(({ trial }) => trial) };
  return { cut, head, choice };
}

const viewsOf = ({ shape }: Cut): Views => shape.views ?? "plain";

const isChosen = ({ trial: { gain, standardError } }: Attempt): boolean =>
  gain !== null && standardError !== null && isClear({ mean: gain, error: standardError });

async function attempt(
  { readings, table, labels, groups, classes, fit }: ChooseInput,
  cut: Cut,
  how: Pick<HeadOptions, "near" | "foldOf">,
  instead: Attempt | undefined,
): Promise<Attempt> {
  const began = performance.now();
  const head = await fit(readingOf(readings, table, cut), how);
  // Copies of an image tell no more than the image itself.
  const losses = meansOfGroups(logLosses(head.outOfFoldLogits, labels, classes, missShare(labels.length)), groups);
  const gain = instead && pairedGain(instead.losses, losses);
  return {
    cut,
    head,
    losses,
    trial: {
      cut: cut.tensor,
      views: viewsOf(cut),
      features: cut.shape.features,
      l2: head.l2,
      ...scoreLogits(head.outOfFoldLogits, labels, classes),
      gain: gain?.mean ?? null,
      standardError: gain?.error ?? null,
      seconds: secondsSince(began),
    },
  };
}
