import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../base/random.ts";
import type { Network } from "../../networks/network.ts";
import type { CandidateRun } from "./candidate-run.ts";
import { type EvaluationSample, FIRST_OF_CLASS, stratifiedOrder } from "./evaluation-sample.ts";
import { type PlannedNetwork, planRace, race, survivors } from "./race.ts";
import type { ProbeEvaluation } from "./transferability-scores.ts";

describe("the stratified order", () => {
  test("contains each image once, the first of every class first, and keeps the classes' shares", () => {
    const labels = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(labels, fc.nat(), (list, seed) => {
        const order = stratifiedOrder(list, createRandom(seed));
        expect([...order].sort((a, b) => a - b)).toEqual(list.map((_, i) => i));
        const classes = [...new Set(list)];
        const early = order.slice(0, classes.length).map((item) => list[item]!);
        expect(new Set(early).size).toBe(classes.length);
        for (const label of classes) {
          const own = list.filter((one) => one === label).length;
          const half = Math.ceil(order.length / 2);
          const found = order.slice(0, half).filter((item) => list[item] === label).length;
          expect(Math.abs(found - own / 2)).toBeLessThanOrEqual(FIRST_OF_CLASS * classes.length);
        }
      }),
    );
  });

  test("is the same for the same seed", () => {
    const labels = Array.from({ length: 50 }, (_, i) => i % 3);
    expect(stratifiedOrder(labels, createRandom(4))).toEqual(stratifiedOrder(labels, createRandom(4)));
    expect(stratifiedOrder(labels, createRandom(4))).not.toEqual(stratifiedOrder(labels, createRandom(5)));
  });
});

const network = (name: string, secondsPerImage: number, more: Partial<PlannedNetwork> = {}): PlannedNetwork => ({
  name,
  secondsPerImage,
  evaluationPerImage: 0,
  overhead: 0,
  seen: 0,
  ...more,
});

describe("the plan of a race", () => {
  const four = [network("a", 0.01), network("b", 0.02), network("c", 0.03), network("d", 0.04)];

  test("is one rung of all images if there is time", () => {
    const plan = planRace(four, { images: 800, fewest: 50, seconds: 81 });
    expect(plan.rungs).toEqual([{ images: 800, networks: 4 }]);
    expect(plan.seconds).toBeCloseTo(80, 8);
    expect(plan.tooSlow).toEqual([]);
  });

  test("halves if there is not, with the first rung as large as time allows", () => {
    const plan = planRace(four, { images: 800, fewest: 50, seconds: 70 });
    // 466 × 0.1 s for all four, then 334 × 0.07 s for the slower two.
    expect(plan.rungs).toEqual([
      { images: 466, networks: 4 },
      { images: 800, networks: 2 },
    ]);
  });

  test("never exceeds the budget, and drops the slowest only if it must", () => {
    const runners = fc.array(
      fc.record({
        speed: fc.double({ min: 0.001, max: 1, noNaN: true }),
        overhead: fc.double({ min: 0, max: 3, noNaN: true }),
      }),
      { minLength: 1, maxLength: 8 },
    );
    fc.assert(
      fc.property(
        runners,
        fc.integer({ min: 1, max: 3000 }),
        fc.double({ min: 0.1, max: 500, noNaN: true }),
        (list, images, seconds) => {
          const all = list.map(({ speed, overhead }, i) =>
            network(String(i), speed, { overhead, evaluationPerImage: speed / 10 }),
          );
          const plan = planRace(all, { images, fewest: 40, seconds });
          expect(plan.seconds).toBeLessThanOrEqual(seconds + 1e-6);
          expect(plan.racing.length + plan.tooSlow.length).toBe(all.length);
          for (const { images: seen } of plan.rungs) {
            expect(seen).toBeGreaterThanOrEqual(Math.min(40, images));
            expect(seen).toBeLessThanOrEqual(images);
          }
          if (plan.racing.length === 0) {
            const quickest = Math.min(...plan.tooSlow.map((one) => one.seconds));
            expect(quickest).toBeGreaterThan(seconds);
          }
        },
      ),
    );
  });

  test("reports the minimum if there is time for no network", () => {
    const plan = planRace([network("slow", 1), network("quick", 0.1, { overhead: 2 })], {
      images: 800,
      fewest: 50,
      seconds: 3,
    });
    expect(plan.racing).toEqual([]);
    expect(plan.tooSlow.find(({ name }) => name === "quick")?.seconds).toBeCloseTo(7, 8);
  });

  test("does not count images again that were seen", () => {
    const plan = planRace([network("a", 0.1, { seen: 300 })], { images: 400, fewest: 50, seconds: 10.5 });
    expect(plan.rungs).toEqual([{ images: 400, networks: 1 }]);
    expect(plan.seconds).toBeCloseTo(10, 8);
  });

  test("keeps half of the networks, and two for the last rung", () => {
    expect([9, 5, 3, 2, 1].map(survivors)).toEqual([5, 3, 2, 2, 1]);
  });
});

// The race alone: fake candidate runs on a fake clock.

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
