/** The features of a dataset in memory, as `graft train` computes them, for benches of the head alone. */
import { join } from "node:path";
import { discoverDataset, type Split } from "../../src/data/dataset/discover.ts";
import { measureCut } from "../../src/networks/backbone/backbone.ts";
import type { Network } from "../../src/networks/network.ts";
import { openFeatureCache } from "../../src/train/features/feature-cache.ts";
import { extractFeatures } from "../../src/train/features/image-files.ts";
import { openBackbone } from "../../src/train/node.ts";

/** `data` is `[labels.length, columns]`. */
export interface Rows {
  readonly data: Float32Array;
  readonly labels: Int32Array;
}

export interface Features {
  readonly columns: number;
  readonly classes: number;
  readonly train: Rows;
  readonly test: Rows;
}

/** Runs every image of a dataset with a test folder through a network's backbone; the cache goes into `folder`. */
export async function featuresOf(datasetPath: string, network: Network, folder: string): Promise<Features> {
  const { examples, classes } = await discoverDataset(datasetPath);
  const shape = await measureCut(network);
  const cache = await openFeatureCache(join(folder, "features"), shape.features);
  const runner = openBackbone(network, shape);
  try {
    const paths = examples.map(({ path }) => path);
    const { table, kept } = await extractFeatures(paths, cache, runner);
    const part = (split: Split): Rows => {
      const rows = kept.flatMap((item, row) => (examples[item]!.split === split ? [row] : []));
      const data = new Float32Array(rows.length * shape.features);
      for (const chunk of table.select(rows).chunks()) data.set(chunk.data, chunk.first * shape.features);
      return { data, labels: Int32Array.from(rows, (row) => examples[kept[row]!]!.label) };
    };
    return { columns: shape.features, classes: classes.length, train: part("train"), test: part("test") };
  } finally {
    await runner.close();
    cache.close();
  }
}

/** The share of rows whose largest logit is their label's; `logits` is `[labels.length, classes]`. */
export function accuracyOf(logits: Float32Array, labels: Int32Array, classes: number): number {
  const isRight = (label: number, row: number): boolean => {
    const own = logits.subarray(row * classes, (row + 1) * classes);
    return own.indexOf(Math.max(...own)) === label;
  };
  return [...labels].filter(isRight).length / labels.length;
}
