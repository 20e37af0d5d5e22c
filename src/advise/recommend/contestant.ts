/** A network in the race: open, with the features of the pictures that it has seen so far, and what it costs. */

import { dataError, isDataError } from "../../base/errors.ts";
import { readBytes } from "../../base/files.ts";
import { decodeImage } from "../../data/decode.ts";
import type { RgbImage } from "../../data/rgb-image.ts";
import type { FeatureCache } from "../../train/features/cache.ts";
import { extractFeatures, type Skipped } from "../../train/features/extract.ts";
import { openFeaturesOf } from "../../train/features/of-network.ts";
import { type BackboneRunner, createRunner } from "../../train/features/runner.ts";
import { denseTable } from "../../train/features/table.ts";
import { countLabels } from "../../train/head/fit.ts";
import { backboneModel, type CutShape } from "../../zoo/backbone.ts";
import type { Network } from "../../zoo/network.ts";
import type { Cost } from "../costs/cost.ts";
import { measureLatency } from "../costs/measure.ts";
import { type Remembered, rememberCost } from "../costs/remembered.ts";
import { type Judgement, judge } from "./judge.ts";

/** What is looked at, in the order in which all networks look at it. */
export interface Gallery {
  readonly paths: readonly string[];
  readonly labels: Int32Array;
  /** The group of each image: no fold separates a group. */
  readonly groups: Int32Array;
  readonly classes: readonly string[];
  readonly seed: number;
}

export interface SeeOptions {
  /** Whether there is time for more; asked between chunks. */
  readonly mayGoOn: () => boolean;
  readonly onPictures?: ((count: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** One network in the race. */
export interface Contestant {
  /** What `--network` takes. */
  readonly name: string;
  readonly network: Network;
  readonly shape: CutShape;
  /** Pictures of the gallery that it has looked at, unreadable ones too. */
  readonly seen: number;
  readonly cost: Cost;
  /** The latest judgement, and all of them by the pictures looked at. */
  readonly judged: Judgement | undefined;
  readonly judgements: ReadonlyMap<number, Judgement>;
  readonly skipped: readonly Skipped[];
  /** Looks at the gallery's first `count` pictures; fewer where there is no time for more. */
  see(count: number, options: SeeOptions): Promise<void>;
  /** Judges the features of the first `count` pictures, which it has seen. */
  judge(count: number, signal?: AbortSignal): Promise<Judgement>;
  /** Gives the backbone's memory back; it is opened again where more is to be seen. */
  rest(): Promise<void>;
  /** Gives everything back but what it found out. */
  close(): Promise<void>;
}

/** Pictures between two looks at the clock. */
const CHUNK = 48;
/** Fewer pictures than this say little of the speed: the first batches are slow. */
const FEWEST_TIMED = 64;

/** Opens a contestant; measures it where this machine does not remember it. */
export async function enter(
  name: string,
  network: Network,
  gallery: Gallery,
  remembered: readonly Remembered[],
  about: { readonly multiplyAdds?: number | undefined },
): Promise<Contestant> {
  const { shape, cache } = await openFeaturesOf(network);
  const runner = createRunner(network, shape);
  const sizeBytes = weightBytes(network, shape);
  const known = remembered.find(({ sha256, cut }) => sha256 === network.sha256 && cut === network.cut);
  const cost: Cost = known
    ? { ...known, sizeBytes, known: "remembered" }
    : { ...(await firstFigures(runner, gallery, sizeBytes)), sizeBytes, known: "measured" };
  return createContestant({ name, network, shape, gallery, cache, runner, first: cost, ...about });
}

/** Bytes of the weights that a trained model of this network holds, the head's left out. */
function weightBytes(network: Network, shape: CutShape): number {
  const { graph } = backboneModel(network, shape);
  return [...graph.initializers.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
}

/** The figures of one picture; of many, what follows from them until many were run. */
async function firstFigures(runner: BackboneRunner, { paths }: Gallery, sizeBytes: number) {
  const latency = await measureLatency(runner, await firstReadable(paths), { weightBytes: sizeBytes });
  const perSecond = 1000 / latency.latencyMs;
  return { ...latency, imagesPerSecond: perSecond, overallPerSecond: perSecond };
}

async function firstReadable(paths: readonly string[]): Promise<RgbImage> {
  for (const path of paths) {
    try {
      return await decodeImage(await readBytes(path));
    } catch (error) {
      // Unreadable pictures are listed when all are read.
      if (!isDataError(error)) throw error;
    }
  }
  throw dataError(
    `None of the ${paths.length} images could be read: check that they are JPEG, PNG, WebP, GIF, AVIF, TIFF or BMP files.`,
  );
}

interface Entry {
  readonly name: string;
  readonly network: Network;
  readonly shape: CutShape;
  readonly gallery: Gallery;
  readonly cache: FeatureCache;
  readonly runner: BackboneRunner;
  readonly first: Cost;
  readonly multiplyAdds?: number | undefined;
}

function createContestant(entry: Entry): Contestant {
  const { name: asked, network, shape, gallery, cache, first, multiplyAdds } = entry;
  let { runner } = entry;
  const columns = shape.features;
  let features = new Float32Array(0);
  /** Places in the gallery of the rows of `features`. */
  const rows: number[] = [];
  const skipped: Skipped[] = [];
  const judgements = new Map<number, Judgement>();
  let [seen, computed, forwardSeconds, overallSeconds] = [0, 0, 0, 0];
  let cost = first;
  let judged: Judgement | undefined;

  const keep = (
    items: readonly number[],
    table: { chunks(): Iterable<{ first: number; rows: number; data: Float32Array }> },
  ): void => {
    const wanted = (rows.length + items.length) * columns;
    if (features.length < wanted) {
      const larger = new Float32Array(Math.max(wanted, 2 * features.length));
      larger.set(features);
      features = larger;
    }
    for (const chunk of table.chunks()) features.set(chunk.data, (rows.length + chunk.first) * columns);
    rows.push(...items);
  };

  /** Better figures, once enough pictures went through; remembered where they are the first of this machine. */
  const updateCost = async (): Promise<void> => {
    if (computed < FEWEST_TIMED || first.known !== "measured") return;
    cost = { ...cost, imagesPerSecond: computed / forwardSeconds, overallPerSecond: computed / overallSeconds };
    const { sha256, cut } = network;
    const { latencyMs, p95LatencyMs, memoryBytes, imagesPerSecond, overallPerSecond } = cost;
    await rememberCost({
      ...{ name: asked, sha256, cut, latencyMs, p95LatencyMs, memoryBytes, imagesPerSecond, overallPerSecond },
      multiplyAdds,
    });
  };

  return {
    name: asked,
    network,
    shape,
    get seen() {
      return seen;
    },
    get cost() {
      return cost;
    },
    get judged() {
      return judged;
    },
    judgements,
    skipped,
    async see(count, { mayGoOn, onPictures, signal }) {
      while (seen < count && mayGoOn()) {
        const paths = gallery.paths.slice(seen, Math.min(count, seen + CHUNK));
        const began = performance.now();
        const extraction = await extractFeatures(paths, cache, runner, { signal });
        keep(
          extraction.kept.map((item) => seen + item),
          extraction.table,
        );
        skipped.push(...extraction.skipped);
        if (extraction.computed > 0) {
          computed += extraction.computed;
          forwardSeconds += extraction.forwardSeconds;
          overallSeconds += (performance.now() - began) / 1000;
        }
        seen += paths.length;
        onPictures?.(paths.length);
      }
      await updateCost();
    },
    async judge(count, signal) {
      const kept = rows.filter((place) => place < count);
      const labels = Int32Array.from(kept, (place) => gallery.labels[place]!);
      checkClasses(labels, gallery);
      const { classes, seed } = gallery;
      const groups = Int32Array.from(kept, (place) => gallery.groups[place]!);
      const table = denseTable(features.subarray(0, kept.length * columns), columns);
      judged = await judge(table, { labels, groups }, classes.length, seed, signal);
      judgements.set(count, judged);
      return judged;
    },
    async rest() {
      await runner.close();
      runner = createRunner(network, shape);
    },
    async close() {
      await runner.close();
      cache.close();
      features = new Float32Array(0);
    },
  };
}

/** Each class must have two readable pictures, or no fold can be judged. */
function checkClasses(labels: Int32Array, { classes }: Gallery): void {
  countLabels(labels, classes.length).forEach((count, label) => {
    if (count < 2)
      throw dataError(
        `The class "${classes[label]}" has ${count} readable image${count === 1 ? "" : "s"} to learn from: add at least ${2 - count} more.`,
      );
  });
}
