/** The features of all images of a comparison, shared by two strategies: computed once, or read from the cache. */

import type { OnProgress } from "../../../base/progress.ts";
import { secondsSince } from "../../../base/stopwatch.ts";
import { extractFeatures, type Skipped } from "../../../train/features/extract.ts";
import { openFeaturesOf } from "../../../train/features/of-network.ts";
import type { RowTable } from "../../../train/features/table.ts";
import { openBackbone } from "../../../train/node.ts";
import type { CutShape } from "../../../zoo/backbone.ts";
import type { Network } from "../../../zoo/network.ts";
import { rememberedCosts } from "../../costs/remembered.ts";
import type { EvaluationSample } from "../../recommend/gallery.ts";

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
