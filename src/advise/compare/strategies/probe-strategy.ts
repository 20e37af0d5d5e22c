/**
 * The strategy of transfer alone: a head on features of the frozen network. Also declares what strategies share: tasks, results and
 * features.
 */
import { type OnProgress, secondsSince } from "../../../base/progress.ts";
import { createRandom } from "../../../base/random.ts";
import { correctFlags } from "../../../metrics/logits.ts";
import type { CutShape } from "../../../networks/backbone/backbone.ts";
import type { Network } from "../../../networks/network.ts";
import { openFeaturesOf } from "../../../train/features/feature-cache.ts";
import type { RowTable } from "../../../train/features/feature-table.ts";
import { extractFeatures, type Skipped } from "../../../train/features/image-files.ts";
import { fitHead, headLogits } from "../../../train/head/fit.ts";
import { openBackbone } from "../../../train/node.ts";
import type { EvaluationSample } from "../../recommend/evaluation-sample.ts";
import { rememberedCosts } from "../../recommend/network-cost.ts";
import { accuracyOf } from "../comparison-runs.ts";
import type { Trainee } from "../training-ladder.ts";

/** Images to learn from and to be evaluated on, by their positions. */
export interface Task {
  readonly learn: readonly number[];
  readonly evaluated: readonly number[];
  readonly seed: number;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface StrategyResult {
  /** One entry per evaluation image, 1 if correct. */
  readonly correct: Uint8Array;
  readonly trainAccuracy: number;
  /** Seconds with an empty cache. */
  readonly seconds: number;
}

/** Prepares a strategy that trains a network for one task: work that its trainings, short and long, share is done once. */
export type Prepare = (task: Task) => Promise<Trainee>;

// The features of all images of a comparison, computed once or read from the cache; two strategies use them.

/** The readable images with their features, row by row. */
export interface Frozen {
  readonly shape: CutShape;
  readonly paths: readonly string[];
  readonly labels: Int32Array;
  /** The group of each row: no split or fold separates a group. */
  readonly groups: Int32Array;
  readonly digests: readonly Buffer[];
  readonly table: RowTable;
  /** Seconds for the features of one image with an empty cache. */
  readonly secondsPerImage: number;
  readonly skipped: readonly Skipped[];
  close(): void;
}

/** The guess if the seconds are unknown: those of a large network on a laptop. */
const SECONDS_GUESS = 0.04;

export async function freeze(
  network: Network,
  { paths, labels, groups }: Pick<EvaluationSample, "paths" | "labels" | "groups">,
  options: { readonly onProgress?: OnProgress | undefined; readonly signal?: AbortSignal | undefined },
): Promise<Frozen> {
  const { shape, cache } = await openFeaturesOf(network);
  const runner = openBackbone(network, shape);
  const began = performance.now();
  try {
    const extraction = await extractFeatures(paths, cache, runner, options);
    const took = secondsSince(began);
    const known = (await rememberedCosts()).find(({ sha256, cut }) => sha256 === network.sha256 && cut === network.cut);
    const { kept, computed, table, skipped, digests } = extraction;
    return {
      shape,
      paths: kept.map((item) => paths[item]!),
      labels: Int32Array.from(kept, (item) => labels[item]!),
      groups: Int32Array.from(kept, (item) => groups[item]!),
      digests: kept.map((item) => digests.get(item)!),
      table,
      secondsPerImage:
        computed > 0.5 * paths.length ? took / computed : known ? 1 / known.overallPerSecond : SECONDS_GUESS,
      skipped,
      close: cache.close,
    };
  } catch (error) {
    cache.close();
    throw error;
  } finally {
    await runner.close();
  }
}

export const probeStrategy =
  ({ table, labels, groups: all, secondsPerImage }: Frozen, classes: number) =>
  async ({ learn, evaluated, seed, signal }: Task): Promise<StrategyResult> => {
    const began = performance.now();
    const own = Int32Array.from(learn, (row) => labels[row]!);
    const groups = learn.map((row) => all[row]!);
    const { head } = await fitHead(table.select(learn), own, classes, createRandom(seed), { groups, signal });
    const right = (rows: readonly number[]): Uint8Array =>
      correctFlags(
        headLogits(head, table.select(rows)),
        rows.map((row) => labels[row]!),
        classes,
      );
    const correct = right(evaluated);
    return {
      correct,
      trainAccuracy: accuracyOf({ correct: right(learn) }),
      seconds: learn.length * secondsPerImage + secondsSince(began),
    };
  };
