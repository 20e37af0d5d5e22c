/** The race alone: made-up contestants on a made-up clock. */
import { describe, expect, test } from "vitest";
import type { Network } from "../../zoo/network.ts";
import type { Contestant, Gallery } from "./contestant.ts";
import type { Judgement } from "./judge.ts";
import { race } from "./race.ts";

interface Clock {
  ms: number;
}

/** One that takes `seconds` a picture and is right for a share of them. */
function contestant(name: string, clock: Clock, seconds: number, accuracy: number): Contestant {
  const judgements = new Map<number, Judgement>();
  let [seen, judged]: [number, Judgement | undefined] = [0, undefined];
  return {
    name,
    network: { name } as Network,
    shape: { pooling: "none", features: 4 },
    cost: {
      ...{ latencyMs: 1000 * seconds, p95LatencyMs: 1000 * seconds, memoryBytes: 1, known: "remembered", sizeBytes: 1 },
      ...{ imagesPerSecond: 1 / seconds, overallPerSecond: 1 / seconds },
    },
    skipped: [],
    judgements,
    get seen() {
      return seen;
    },
    get judged() {
      return judged;
    },
    async see(count, { mayGoOn, onPictures, signal }) {
      while (seen < count && mayGoOn()) {
        signal?.throwIfAborted();
        seen++;
        clock.ms += 1000 * seconds;
        onPictures?.(1);
      }
    },
    async judge(count) {
      const correct = Uint8Array.from({ length: count }, (_, i) => (i % 100 < 100 * accuracy ? 1 : 0));
      judged = {
        ...{ pictures: count, correct, accuracy, interval: [0, 1], logLoss: 1 - accuracy, seconds: 0.001 * count },
        scores: { logme: 0, hScore: 0, knn: 0, rows: count },
      };
      clock.ms += count;
      judgements.set(count, judged);
      return judged;
    },
    async rest() {},
    async close() {},
  };
}

const gallery: Gallery = {
  paths: Array.from({ length: 800 }, (_, i) => `${i}.jpg`),
  labels: Int32Array.from({ length: 800 }, (_, i) => i % 4),
  groups: Int32Array.from({ length: 800 }, (_, i) => i),
  classes: ["a", "b", "c", "d"],
  seed: 0,
};

describe("the race", () => {
  test("shows all pictures to all where there is time", async () => {
    const clock = { ms: 0 };
    const all = [contestant("a", clock, 0.01, 0.7), contestant("b", clock, 0.02, 0.9)];
    expect(await race(all, gallery, { seconds: 60, now: () => clock.ms })).toEqual([]);
    expect(all.map(({ seen }) => seen)).toEqual([800, 800]);
  });

  test("where there is not, the worse drop out early and it ends in time", async () => {
    const clock = { ms: 0 };
    const all = [0.5, 0.6, 0.7, 0.9].map((accuracy) => contestant(String(accuracy), clock, 0.03, accuracy));
    await race(all, gallery, { seconds: 60, now: () => clock.ms });
    expect(clock.ms).toBeLessThan(66_000);
    const seen = new Map(all.map((one) => [one.name, one.seen]));
    expect(seen.get("0.9")).toBeGreaterThan(seen.get("0.5")!);
    expect(all.every(({ judgements }) => judgements.size > 0)).toBe(true);
  });

  test("says which it has no time for, and what they would take", async () => {
    const clock = { ms: 0 };
    const all = [contestant("quick", clock, 0.01, 0.6), contestant("slow", clock, 10, 0.9)];
    const noTime = await race(all, gallery, { seconds: 20, now: () => clock.ms });
    expect(noTime.map(({ contestant: { name } }) => name)).toEqual(["slow"]);
    expect(noTime[0]!.seconds).toBeGreaterThan(200);
    expect(all[1]!.seen).toBe(0);
  });

  test("slower than it seemed, it stops where time is up, and judges what was seen", async () => {
    const clock = { ms: 0 };
    const one = contestant("a", clock, 0.2, 0.8);
    const mistaken = Object.create(one, {
      cost: { value: { ...one.cost, overallPerSecond: 100 } },
    }) as Contestant;
    await race([mistaken], gallery, { seconds: 30, now: () => clock.ms });
    expect(clock.ms).toBeLessThan(33_000);
    expect(mistaken.judged!.pictures).toBe(mistaken.seen);
    expect(mistaken.seen).toBeLessThan(200);
  });

  test("an interruption ends it, and what was judged stays", async () => {
    const clock = { ms: 0 };
    const controller = new AbortController();
    const one = contestant("a", clock, 0.01, 0.8);
    controller.abort(new Error("stop"));
    await expect(race([one], gallery, { seconds: 60, now: () => clock.ms, signal: controller.signal })).rejects.toThrow(
      "stop",
    );
  });
});
