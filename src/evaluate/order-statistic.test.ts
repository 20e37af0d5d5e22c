import { describe, expect, it } from "vitest";
import { createRandom } from "../base/random.ts";
import { rankFor, shareBelow } from "./order-statistic.ts";

describe("order statistics", () => {
  it("choose the score that a new one is below as often as requested", () => {
    expect(rankFor(99, 0.95)).toBe(95);
    expect(rankFor(100, 0.95)).toBe(96);
    expect(rankFor(19, 0.95)).toBe(19);
    expect(rankFor(18, 0.95)).toBe(19);
    // 20 × 0.95 and 10 × 0.7 are whole numbers, whatever floating point makes of them.
    expect(rankFor(9, 0.7)).toBe(7);
  });

  it("agree with SciPy's beta distribution", () => {
    // scipy.stats.beta(rank, count + 1 - rank).ppf([0.025, 0.975])
    const wanted = [
      [36, 34, 0.81336329, 0.9824735],
      [99, 95, 0.89977209, 0.98340009],
      [10, 3, 0.06673951, 0.55609546],
      [20_000, 18_001, 0.89580988, 0.90412435],
    ] as const;
    for (const [count, rank, low, high] of wanted) {
      const interval = shareBelow(count, rank);
      expect(interval[0]).toBeCloseTo(low, 5);
      expect(interval[1]).toBeCloseTo(high, 5);
    }
  });

  it("cover the share of new scores below the threshold 95 times in 100", () => {
    const random = createRandom(1);
    const [low, high] = shareBelow(50, rankFor(50, 0.9));
    let held = 0;
    for (let trial = 0; trial < 2000; trial++) {
      const scores = Array.from({ length: 50 }, () => random.next()).sort((a, b) => a - b);
      // Of uniform scores, the share below a threshold is the threshold.
      const share = scores[rankFor(50, 0.9) - 1]!;
      if (low <= share && share <= high) held++;
    }
    expect(held / 2000).toBeGreaterThan(0.935);
    expect(held / 2000).toBeLessThan(0.965);
  });
});
