/** Measures a backbone's latency and memory on this machine in a second or two. */
import { quantile } from "../../base/statistics.ts";
import type { RgbImage } from "../../data/rgb-image.ts";
import type { FrozenFeatures } from "../../train/frozen-part.ts";

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
