/** A dataset's features by a network, from the cache that trainings use. */
import { discoverDataset } from "../../src/data/dataset/discover.ts";
import type { Network } from "../../src/networks/network.ts";
import { openFeaturesOf } from "../../src/train/features/feature-cache.ts";
import { extractFeatures } from "../../src/train/features/image-files.ts";
import { openBackbone } from "../../src/train/node.ts";
import { shared } from "../support/shared.ts";

/** `data` is `[labels.length, columns]`. */
export interface Labelled {
  readonly data: Float32Array;
  readonly labels: Int32Array;
}

export interface Cached {
  readonly name: string;
  readonly columns: number;
  readonly classes: number;
  readonly train: Labelled;
  readonly test: Labelled;
}

/** The features of one of the shared datasets. */
export async function cachedFeatures(name: string, network: Network): Promise<Cached> {
  const { examples, classes } = await discoverDataset(shared("datasets", name));
  const { shape, cache } = await openFeaturesOf(network);
  const runner = openBackbone(network, shape);
  try {
    const paths = examples.map(({ path }) => path);
    const { table, kept } = await extractFeatures(paths, cache, runner);
    const part = (isTest: boolean): Labelled => {
      const rows = kept.flatMap((item, row) => ((examples[item]!.split === "test") === isTest ? [row] : []));
      const data = new Float32Array(rows.length * shape.features);
      for (const chunk of table.select(rows).chunks()) data.set(chunk.data, chunk.first * shape.features);
      return { data, labels: Int32Array.from(rows, (row) => examples[kept[row]!]!.label) };
    };
    return { name, columns: shape.features, classes: classes.length, train: part(false), test: part(true) };
  } finally {
    await runner.close();
    cache.close();
  }
}

/** Some rows of labelled features. */
export function rowsOf({ data, labels }: Labelled, rows: readonly number[]): Labelled {
  const columns = data.length / labels.length;
  const chosen = new Float32Array(rows.length * columns);
  rows.forEach((row, i) => {
    chosen.set(data.subarray(row * columns, (row + 1) * columns), i * columns);
  });
  return { data: chosen, labels: Int32Array.from(rows, (row) => labels[row]!) };
}

/** The rows of several, one after the other. */
export function joined(parts: readonly Labelled[]): Labelled {
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  return { data, labels: Int32Array.from(parts.flatMap(({ labels }) => [...labels])) };
}
