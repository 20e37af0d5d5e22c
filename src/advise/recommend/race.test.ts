/** The race alone: fake candidate runs on a fake clock. */
import { describe, expect, test } from "vitest";
import type { Network } from "../../zoo/network.ts";
import type { CandidateRun } from "./contestant.ts";
import type { EvaluationSample } from "./gallery.ts";
import type { ProbeEvaluation } from "./judge.ts";
import { race } from "./race.ts";

interface Clock {
  ms: number;
}

/** A run that takes `seconds` per image and has a given accuracy. */
function candidateRun(name: string, clock: Clock, seconds: number, accuracy: number): CandidateRun {
  const evaluations = new Map<number, ProbeEvaluation>();
  let [seen, evaluation]: [number, ProbeEvaluation | undefined] = [0, undefined];
  return {
    name,
    network: { name } as Network,
    shape: { pooling: "none", features: 4 },
    cost: {
      ...{ latencyMs: 1000 * seconds, p95LatencyMs: 1000 * seconds, memoryBytes: 1, known: "remembered", sizeBytes: 1 },
      ...{ imagesPerSecond: 1 / seconds, overallPerSecond: 1 / seconds },
    },
    skipped: [],
    evaluations,
    get seen() {
      return seen;
    },
    get evaluation() {
      return evaluation;
    },
    async see(count, { hasTime, onImages, signal }) {
      while (seen < count && hasTime()) {
        signal?.throwIfAborted();
        seen++;
        clock.ms += 1000 * seconds;
        onImages?.(1);
      }
    },
    async evaluate(count) {
      const correct = Uint8Array.from({ length: count }, (_, i) => (i % 100 < 100 * accuracy ? 1 : 0));
      evaluation = {
        ...{ images: count, correct, accuracy, interval: [0, 1], logLoss: 1 - accuracy, seconds: 0.001 * count },
        scores: { logme: 0, hScore: 0, knn: 0, rows: count },
      };
      clock.ms += count;
      evaluations.set(count, evaluation);
      return evaluation;
    },
    async rest() {},
    async close() {},
  };
}

const sample: EvaluationSample = {
  paths: Array.from({ length: 800 }, (_, i) => `${i}.jpg`),
  labels: Int32Array.from({ length: 800 }, (_, i) => i % 4),
  groups: Int32Array.from({ length: 800 }, (_, i) => i),
  classes: ["a", "b", "c", "d"],
  seed: 0,
};

describe("the race", () => {
  test("shows all images to all networks if there is time", async () => {
    const clock = { ms: 0 };
    const all = [candidateRun("a", clock, 0.01, 0.7), candidateRun("b", clock, 0.02, 0.9)];
    expect(await race(all, sample, { seconds: 60, now: () => clock.ms })).toEqual([]);
    expect(all.map(({ seen }) => seen)).toEqual([800, 800]);
  });

  test("drops the worse early if there is not, and ends in time", async () => {
    const clock = { ms: 0 };
    const all = [0.5, 0.6, 0.7, 0.9].map((accuracy) => candidateRun(String(accuracy), clock, 0.03, accuracy));
    await race(all, sample, { seconds: 60, now: () => clock.ms });
    expect(clock.ms).toBeLessThan(66_000);
    const seen = new Map(all.map((one) => [one.name, one.seen]));
    expect(seen.get("0.9")).toBeGreaterThan(seen.get("0.5")!);
    expect(all.every(({ evaluations }) => evaluations.size > 0)).toBe(true);
  });

  test("reports the networks for which there is no time, and their seconds", async () => {
    const clock = { ms: 0 };
    const all = [candidateRun("quick", clock, 0.01, 0.6), candidateRun("slow", clock, 10, 0.9)];
    const noTime = await race(all, sample, { seconds: 20, now: () => clock.ms });
    expect(noTime.map(({ candidateRun: { name } }) => name)).toEqual(["slow"]);
    expect(noTime[0]!.seconds).toBeGreaterThan(200);
    expect(all[1]!.seen).toBe(0);
  });

  test("stops when time is up if a network is slower than expected, and evaluates what was seen", async () => {
    const clock = { ms: 0 };
    const one = candidateRun("a", clock, 0.2, 0.8);
    const mistaken = Object.create(one, {
      cost: { value: { ...one.cost, overallPerSecond: 100 } },
    }) as CandidateRun;
    await race([mistaken], sample, { seconds: 30, now: () => clock.ms });
    expect(clock.ms).toBeLessThan(33_000);
    expect(mistaken.evaluation!.images).toBe(mistaken.seen);
    expect(mistaken.seen).toBeLessThan(200);
  });

  test("an interruption ends it, and finished evaluations stay", async () => {
    const clock = { ms: 0 };
    const controller = new AbortController();
    const one = candidateRun("a", clock, 0.01, 0.8);
    controller.abort(new Error("stop"));
    await expect(race([one], sample, { seconds: 60, now: () => clock.ms, signal: controller.signal })).rejects.toThrow(
      "stop",
    );
  });
});
