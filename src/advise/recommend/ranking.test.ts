import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../base/random.ts";
import { pairedDifference } from "../../metrics/intervals.ts";
import { type NetworkResults, paretoFront, rankCorrelation, rankNetworks } from "./ranking.ts";

/** Results in which each image is equally hard for all networks. */
function resultOf(accuracy: number, images: number, logLoss = 1 - accuracy) {
  const random = createRandom(7);
  return { images, correct: Array.from({ length: images }, () => (random.next() < accuracy ? 1 : 0)), logLoss };
}

const result = (name: string, latencyMs: number, ...rungs: readonly (readonly [number, number])[]): NetworkResults => ({
  name,
  latencyMs,
  rungs: rungs.map(([accuracy, images]) => resultOf(accuracy, images)),
});

describe("the ranking", () => {
  test("the best by more than chance is recommended, with its lead", () => {
    const { networks, recommended, why } = rankNetworks(
      [result("a", 50, [0.7, 800]), result("b", 50, [0.9, 800])],
      0.2,
    );
    expect(networks.map(({ name }) => name)).toEqual(["b", "a"]);
    expect(recommended).toBe("b");
    expect(why).toMatchObject({ kind: "best", second: "a" });
  });

  test("a network as accurate and much faster is recommended instead", () => {
    const alike = [result("large", 90, [0.9, 400]), result("small", 9, [0.9, 400])];
    const { recommended, why } = rankNetworks(alike, 0.2);
    expect(recommended).toBe("small");
    expect(why).toEqual({ kind: "cheaper", leader: "large", faster: 10, behind: 0 });
    const slightly = [result("large", 90, [0.9, 800]), result("small", 9, [0.899, 800])];
    expect(rankNetworks(slightly, 0.2)).toMatchObject({ recommended: "small" });
  });

  test("few images give no order", () => {
    const { why, networks } = rankNetworks([result("a", 50, [0.84, 25]), result("b", 50, [0.72, 25])], 0.2);
    expect(why).toEqual({ kind: "tied", others: ["b"] });
    expect(networks.every(({ isTied }) => isTied)).toBe(true);
  });

  test("a network that dropped out is as far behind as it was then, with a wider interval", () => {
    const finalist = result("a", 50, [0.8, 200], [0.9, 800]);
    const { networks } = rankNetworks([finalist, result("b", 50, [0.6, 200])], 0.2);
    const [a, b] = networks;
    expect(b!.accuracy).toBeCloseTo(a!.accuracy - b!.behind, 12);
    expect(b!.pictures).toBe(200);
    expect(b!.interval[1] - b!.interval[0]).toBeGreaterThan(a!.interval[1] - a!.interval[0]);
  });

  test("no network is recommended if none beats the baseline", () => {
    const found = rankNetworks([result("a", 50, [0.22, 300]), result("b", 50, [0.2, 300])], 0.2);
    expect(found).toMatchObject({ recommended: undefined, why: { kind: "nothing-learned" } });
  });
});

const outcomes = fc.array(fc.tuple(fc.integer({ min: 0, max: 1 }), fc.integer({ min: 0, max: 1 })), { minLength: 1 });

describe("the difference of paired accuracies", () => {
  test("is antisymmetric, and within its bounds", () => {
    fc.assert(
      fc.property(outcomes, (pairs) => {
        const [a, b] = [pairs.map(([own]) => own), pairs.map(([, other]) => other)];
        const [there, back] = [pairedDifference(a, b), pairedDifference(b, a)];
        expect(there.mean).toBeCloseTo(-back.mean, 12);
        expect(there.interval[0]).toBeCloseTo(-back.interval[1], 12);
        expect(there.interval[0]).toBeLessThan(there.interval[1]);
      }),
    );
  });

  test("is Bonett and Price's: 20 of 100 against 5, 75 alike", () => {
    const a = Array.from({ length: 100 }, (_, i) => (i < 20 ? 1 : 0));
    const b = Array.from({ length: 100 }, (_, i) => (i >= 20 && i < 25 ? 1 : 0));
    const { mean, interval } = pairedDifference(a, b);
    const [p, q] = [21 / 102, 6 / 102];
    expect(mean).toBeCloseTo(0.15, 12);
    expect(interval[0]).toBeCloseTo(p - q - 1.96 * Math.sqrt((p + q - (p - q) ** 2) / 102), 4);
    expect(interval[1]).toBeCloseTo(0.2427, 4);
  });

  test("covers the true value about 95 times in 100", () => {
    const random = createRandom(1);
    let covered = 0;
    const trials = 2000;
    for (let trial = 0; trial < trials; trial++) {
      const draws = Array.from({ length: 40 }, () => random.next());
      const a = draws.map((value) => (value < 0.8 ? 1 : 0));
      const b = draws.map((value) => (value > 0.1 && value < 0.8 ? 1 : 0));
      const [low, high] = pairedDifference(a, b).interval;
      if (low <= 0.1 && 0.1 <= high) covered++;
    }
    expect(covered / trials).toBeGreaterThan(0.93);
    expect(covered / trials).toBeLessThan(0.99);
  });

  test("of empty or unequal lists is rejected", () => {
    expect(() => pairedDifference([], [])).toThrow(RangeError);
    expect(() => pairedDifference([1], [1, 0])).toThrow(RangeError);
  });
});

describe("the Pareto front", () => {
  test("keeps undominated points, including equal ones", () => {
    const points = [
      { cost: 1, loss: 5 },
      { cost: 2, loss: 3 },
      { cost: 2, loss: 3 },
      { cost: 3, loss: 4 },
      { cost: 4, loss: 1 },
    ];
    const front = paretoFront(points, [({ cost }) => cost, ({ loss }) => loss]);
    expect(front).toEqual([points[0], points[1], points[2], points[4]]);
  });
});

describe("rank correlation", () => {
  test("is 1 for the same order, −1 for the opposite, and that of the textbook between", () => {
    expect(rankCorrelation([1, 2, 3], [10, 20, 40])).toBeCloseTo(1, 12);
    expect(rankCorrelation([1, 2, 3], [3, 2, 1])).toBeCloseTo(-1, 12);
    // 1 − 6·Σd² / (n(n² − 1)) with d = 1, 1, 0, 0
    expect(rankCorrelation([1, 2, 3, 4], [2, 1, 3, 4])).toBeCloseTo(1 - 12 / 60, 12);
    // scipy.stats.spearmanr([1, 2, 2, 4], [1, 3, 2, 4])
    expect(rankCorrelation([1, 2, 2, 4], [1, 3, 2, 4])).toBeCloseTo(0.9486832980505139, 12);
  });

  test("is undefined if one side is constant", () => {
    expect(rankCorrelation([1, 1], [1, 2])).toBeUndefined();
  });
});
