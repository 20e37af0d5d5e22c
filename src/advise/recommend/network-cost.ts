/** The cost of running a network on this machine: measured, stored for later, or predicted from the costs of other networks. */
import * as v from "valibot";
import { machineStore } from "../../base/cache-folder.ts";
import { quantile } from "../../base/collections.ts";
import type { RgbImage } from "../../data/image/rgb-image.ts";
import type { FrozenFeatures } from "../../train/frozen.ts";

/** The measured cost of a network on this machine. */
export interface Measured {
  /** Milliseconds from a decoded image to its features, one image at a time: the median and the 95th percentile. */
  readonly latencyMs: number;
  readonly p95LatencyMs: number;
  /** Growth of the process's memory while the network ran; at least its weights. */
  readonly memoryBytes: number;
  /** Images per second through the backbone, in batches. */
  readonly imagesPerSecond: number;
  /** Images per second, including decoding and preprocessing. */
  readonly overallPerSecond: number;
}

/** The origin of a {@link Cost}'s figures. */
export type Known = "measured" | "remembered" | "predicted";

export interface Cost extends Measured {
  readonly known: Known;
  /** Bytes of a trained model's weights, float32. */
  readonly sizeBytes: number;
}

// Measuring latency and memory, in a second or two.

/** Latency and memory for one image. */
export interface Latency {
  readonly latencyMs: number;
  readonly p95LatencyMs: number;
  readonly memoryBytes: number;
}

export interface MeasureOptions {
  /** Maximum seconds of all runs; at least {@link FEWEST_RUNS} are made. Default 1. */
  readonly seconds?: number | undefined;
  /** Bytes of the weights: the lower bound of the memory. */
  readonly weightBytes: number;
  /** The process's memory in bytes, and a clock in milliseconds. */
  readonly memory?: (() => number) | undefined;
  readonly now?: (() => number) | undefined;
}

export const FEWEST_RUNS = 7;
const MOST_RUNS = 60;

/** Measures a runner that has not run yet, on a decoded image. */
export async function measureLatency(
  runner: FrozenFeatures,
  image: RgbImage,
  { seconds = 1, weightBytes, memory = process.memoryUsage.rss, now = () => performance.now() }: MeasureOptions,
): Promise<Latency> {
  const before = memory();
  let largest = before;
  const run = async (): Promise<number> => {
    const began = now();
    const data = await runner.prepare(image);
    await runner.forward([data]);
    const took = now() - began;
    largest = Math.max(largest, memory());
    return took;
  };
  // Two warm-up runs: the first one opens the sessions.
  await run();
  await run();
  const times: number[] = [];
  const began = now();
  while (times.length < FEWEST_RUNS || (times.length < MOST_RUNS && now() - began < seconds * 1000))
    times.push(await run());
  return {
    latencyMs: quantile(times, 0.5),
    p95LatencyMs: quantile(times, 0.95),
    memoryBytes: Math.max(largest - before, weightBytes),
  };
}

// Predicting the cost of a network that never ran here.

/** A network with a known cost. */
export interface KnownCost extends Measured {
  readonly multiplyAdds: number;
}

/** The size of a network. */
export interface NetworkSize {
  /** Per image. */
  readonly multiplyAdds: number;
  readonly parameters: number;
}

/**
 * Multiply-adds per second of a laptop's processor, for a machine without any measurement: a low guess, so that plans do not promise too
 * much.
 */
const SLOW_MACHINE = 30e9;
/** Images decoded and resized per second, for a machine without any measurement. */
const SLOW_DECODING = 150;

/**
 * Predicts a network's cost from the measured network with the nearest number of multiply-adds, assuming equal time per multiply-add.
 * Convolutions differ: expect an error of up to a factor of two.
 */
export function predictCost({ multiplyAdds, parameters }: NetworkSize, known: readonly KnownCost[]): Measured {
  const weights = 4 * parameters;
  const distance = ({ multiplyAdds: own }: KnownCost): number => Math.abs(Math.log(own / multiplyAdds));
  const [nearest] = [...known].sort((a, b) => distance(a) - distance(b));
  if (!nearest) {
    const imagesPerSecond = SLOW_MACHINE / multiplyAdds;
    const latencyMs = 1000 / imagesPerSecond;
    return {
      latencyMs,
      p95LatencyMs: latencyMs,
      memoryBytes: weights,
      imagesPerSecond,
      overallPerSecond: 1 / (1 / imagesPerSecond + 1 / SLOW_DECODING),
    };
  }
  const ratio = multiplyAdds / nearest.multiplyAdds;
  // The rest of the time is decoding, which does not depend on the network.
  const decoding = Math.max(0, 1 / nearest.overallPerSecond - 1 / nearest.imagesPerSecond);
  const imagesPerSecond = nearest.imagesPerSecond / ratio;
  return {
    latencyMs: nearest.latencyMs * ratio,
    p95LatencyMs: nearest.p95LatencyMs * ratio,
    memoryBytes: Math.max(weights, nearest.memoryBytes * Math.sqrt(ratio)),
    imagesPerSecond,
    overallPerSecond: 1 / (1 / imagesPerSecond + decoding),
  };
}

// Storing costs and speeds for this kind of machine.

/** The measured costs of a network. */
export interface Remembered extends Measured {
  readonly name: string;
  /** SHA-256 of the network's file, and the tensor where it was cut: both determine the costs. */
  readonly sha256: string;
  readonly cut: string;
  /** For one image, if the catalogue states it; predictions for other networks are based on it. */
  readonly multiplyAdds?: number | undefined;
}

const figure = v.pipe(v.number(), v.finite(), v.gtValue(0));
const costSchema: v.GenericSchema<unknown, Remembered[]> = v.array(
  v.object({
    name: v.string(),
    sha256: v.string(),
    cut: v.string(),
    multiplyAdds: v.exactOptional(figure),
    latencyMs: figure,
    p95LatencyMs: figure,
    memoryBytes: figure,
    imagesPerSecond: figure,
    overallPerSecond: figure,
  }),
);

const costs = machineStore("costs", "The stored costs of networks", costSchema, []);

/** All costs that were measured on this kind of machine. */
export const rememberedCosts = (): Promise<readonly Remembered[]> => costs.read();

/** Stores a network's costs, replacing earlier ones. */
export const rememberCost = (cost: Remembered): Promise<void> =>
  costs.update((all) => [...all.filter(({ sha256, cut }) => sha256 !== cost.sha256 || cut !== cost.cut), cost]);

/** The fewest images that determine a speed: the first batches are slow. */
export const MIN_IMAGES = 64;

const speeds = machineStore("speeds", "The stored speeds of networks", v.record(v.string(), figure), {});

/** Images per second by the network's name, as measured by trainings on this kind of machine. */
export const knownSpeeds = async (): Promise<ReadonlyMap<string, number>> =>
  new Map(Object.entries(await speeds.read()));

/** Stores a network's speed, unless it was measured on fewer than {@link MIN_IMAGES} images. */
export async function rememberSpeed(network: string, images: number, imagesPerSecond: number): Promise<void> {
  if (images < MIN_IMAGES || !(imagesPerSecond > 0 && Number.isFinite(imagesPerSecond))) return;
  await speeds.update((all) => ({ ...all, [network]: imagesPerSecond }));
}
