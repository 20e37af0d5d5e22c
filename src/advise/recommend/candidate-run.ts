/** The run of one candidate network: its session, its features of the images seen so far, its evaluations and its cost. */

import { dataError, isDataError } from "../../base/errors.ts";
import { readBytes } from "../../base/files.ts";
import { decodeImage } from "../../data/image/decode.ts";
import type { RgbImage } from "../../data/image/rgb-image.ts";
import { backboneModel, type CutShape } from "../../networks/backbone/backbone.ts";
import type { Network } from "../../networks/network.ts";
import type { FeatureCache } from "../../train/features/feature-cache.ts";
import { openFeaturesOf } from "../../train/features/feature-cache.ts";
import { denseTable } from "../../train/features/feature-table.ts";
import { extractFeatures, type Skipped } from "../../train/features/image-files.ts";
import type { FrozenFeatures } from "../../train/frozen.ts";
import { countLabels } from "../../train/head/fit.ts";
import { openBackbone } from "../../train/node.ts";
import type { EvaluationSample } from "./evaluation-sample.ts";
import type { Cost } from "./network-cost.ts";
import { measureLatency, type Remembered, rememberCost } from "./network-cost.ts";
import { evaluateProbe, type ProbeEvaluation } from "./transferability-scores.ts";

export interface SeeOptions {
  /** Whether there is time for more; called between chunks. */
  readonly hasTime: () => boolean;
  readonly onImages?: ((count: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The run of one candidate network. */
export interface CandidateRun {
  /** The value of `--network`. */
  readonly name: string;
  readonly network: Network;
  readonly shape: CutShape;
  /** Images of the sample that it has processed, including unreadable ones. */
  readonly seen: number;
  readonly cost: Cost;
  /** The latest evaluation, and all of them by the number of images. */
  readonly evaluation: ProbeEvaluation | undefined;
  readonly evaluations: ReadonlyMap<number, ProbeEvaluation>;
  readonly skipped: readonly Skipped[];
  /** Computes features of the sample's first `count` images; of fewer if there is no time for more. */
  see(count: number, options: SeeOptions): Promise<void>;
  /** Evaluates a probe on the features of the first `count` images, which must have been seen. */
  evaluate(count: number, signal?: AbortSignal): Promise<ProbeEvaluation>;
  /** Releases the backbone's memory; it is opened again when needed. */
  rest(): Promise<void>;
  /** Releases everything except the results. */
  close(): Promise<void>;
}

/** Images between two checks of the time. */
const CHUNK = 48;
/** Images needed to measure the speed: the first batches are slow. */
const FEWEST_TIMED = 64;

/** Opens a candidate's run; measures its cost unless this machine remembers it. */
export async function openCandidateRun(
  name: string,
  network: Network,
  sample: EvaluationSample,
  remembered: readonly Remembered[],
  about: { readonly multiplyAdds?: number | undefined },
): Promise<CandidateRun> {
  const { shape, cache } = await openFeaturesOf(network);
  const runner = openBackbone(network, shape);
  const sizeBytes = weightBytes(network, shape);
  const known = remembered.find(({ sha256, cut }) => sha256 === network.sha256 && cut === network.cut);
  const cost: Cost = known
    ? { ...known, sizeBytes, known: "remembered" }
    : { ...(await firstFigures(runner, sample, sizeBytes)), sizeBytes, known: "measured" };
  return createCandidateRun({ name, network, shape, sample, cache, runner, first: cost, ...about });
}

/** Bytes of the weights of a trained model with this network, without the head. */
function weightBytes(network: Network, shape: CutShape): number {
  const { graph } = backboneModel(network, shape);
  return [...graph.initializers.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
}

/** The cost from single images, until many have been measured. */
async function firstFigures(runner: FrozenFeatures, { paths }: EvaluationSample, sizeBytes: number) {
  const latency = await measureLatency(runner, await firstReadable(paths), { weightBytes: sizeBytes });
  const perSecond = 1000 / latency.latencyMs;
  return { ...latency, imagesPerSecond: perSecond, overallPerSecond: perSecond };
}

async function firstReadable(paths: readonly string[]): Promise<RgbImage> {
  for (const path of paths) {
    try {
      return await decodeImage(await readBytes(path));
    } catch (error) {
      // Unreadable images are listed when all are read.
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
  readonly sample: EvaluationSample;
  readonly cache: FeatureCache;
  readonly runner: FrozenFeatures;
  readonly first: Cost;
  readonly multiplyAdds?: number | undefined;
}

function createCandidateRun(entry: Entry): CandidateRun {
  const { name: givenName, network, shape, sample, cache, first, multiplyAdds } = entry;
  let { runner } = entry;
  const columns = shape.features;
  let features = new Float32Array(0);
  /** Positions in the sample of the rows of `features`. */
  const rows: number[] = [];
  const skipped: Skipped[] = [];
  const evaluations = new Map<number, ProbeEvaluation>();
  let [seen, computed, forwardSeconds, overallSeconds] = [0, 0, 0, 0];
  let cost = first;
  let evaluation: ProbeEvaluation | undefined;

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

  /** Measures the throughput once enough images were processed; remembers it if the cost was measured in this run. */
  const updateCost = async (): Promise<void> => {
    if (computed < FEWEST_TIMED || first.known !== "measured") return;
    cost = { ...cost, imagesPerSecond: computed / forwardSeconds, overallPerSecond: computed / overallSeconds };
    const { sha256, cut } = network;
    const { latencyMs, p95LatencyMs, memoryBytes, imagesPerSecond, overallPerSecond } = cost;
    await rememberCost({
      ...{ name: givenName, sha256, cut, latencyMs, p95LatencyMs, memoryBytes, imagesPerSecond, overallPerSecond },
      multiplyAdds,
    });
  };

  return {
    name: givenName,
    network,
    shape,
    get seen() {
      return seen;
    },
    get cost() {
      return cost;
    },
    get evaluation() {
      return evaluation;
    },
    evaluations,
    skipped,
    async see(count, { hasTime, onImages, signal }) {
      while (seen < count && hasTime()) {
        const paths = sample.paths.slice(seen, Math.min(count, seen + CHUNK));
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
        onImages?.(paths.length);
      }
      await updateCost();
    },
    async evaluate(count, signal) {
      const kept = rows.filter((place) => place < count);
      const labels = Int32Array.from(kept, (place) => sample.labels[place]!);
      checkClasses(labels, sample);
      const { classes, seed } = sample;
      const groups = Int32Array.from(kept, (place) => sample.groups[place]!);
      const table = denseTable(features.subarray(0, kept.length * columns), columns);
      evaluation = await evaluateProbe(table, { labels, groups }, classes.length, seed, signal);
      evaluations.set(count, evaluation);
      return evaluation;
    },
    async rest() {
      await runner.close();
      runner = openBackbone(network, shape);
    },
    async close() {
      await runner.close();
      cache.close();
      features = new Float32Array(0);
    },
  };
}

/** Checks that each class has two readable images, which the folds need. */
function checkClasses(labels: Int32Array, { classes }: EvaluationSample): void {
  countLabels(labels, classes.length).forEach((count, label) => {
    if (count < 2)
      throw dataError(
        `The class "${classes[label]}" has ${count} readable image${count === 1 ? "" : "s"} to learn from: add at least ${2 - count} more.`,
      );
  });
}
