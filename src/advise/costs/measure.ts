/** Measuring a backbone on this machine in a second or two: the time of one picture, and the memory that it takes. */
import { quantile } from "../../base/statistics.ts";
import type { RgbImage } from "../../data/rgb-image.ts";
import type { BackboneRunner } from "../../train/features/runner.ts";

/** How one picture fared. */
export interface Latency {
  readonly latencyMs: number;
  readonly p95LatencyMs: number;
  readonly memoryBytes: number;
}

export interface MeasureOptions {
  /** Seconds that the runs may take together; at least {@link FEWEST_RUNS} are made. Default 1. */
  readonly seconds?: number | undefined;
  /** Bytes of the weights: the process grows by at least as much. */
  readonly weightBytes: number;
  /** The process's memory in bytes, and milliseconds of a clock. */
  readonly memory?: (() => number) | undefined;
  readonly now?: (() => number) | undefined;
}

export const FEWEST_RUNS = 7;
const MOST_RUNS = 60;

/** Measures a runner that has not run yet on a decoded picture. */
export async function measureLatency(
  runner: BackboneRunner,
  image: RgbImage,
  { seconds = 1, weightBytes, memory = process.memoryUsage.rss, now = () => performance.now() }: MeasureOptions,
): Promise<Latency> {
  const before = memory();
  let largest = before;
  const run = async (): Promise<number> => {
    const began = now();
    const data = await runner.prepare(image);
    await runner.forward({ dims: [1, ...runner.inputDims], data });
    const took = now() - began;
    largest = Math.max(largest, memory());
    return took;
  };
  // The first opens the sessions, the second is the first at full speed.
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
