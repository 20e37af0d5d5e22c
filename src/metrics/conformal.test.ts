import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRandom } from "../base/random.ts";
import { conformalSet, coverageGuarantee, fitConformal, rankFor, scoreSets, shareBelow } from "./conformal.ts";

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

/** Probabilities of a simulated model: the true class is somewhat more likely. */
function predictions(count: number, seed: number): { probabilities: Float32Array; labels: Int32Array } {
  const random = createRandom(seed);
  const labels = Int32Array.from({ length: count }, () => random.below(4));
  const probabilities = new Float32Array(count * 4);
  labels.forEach((label, row) => {
    const weights = [0, 1, 2, 3].map((c) => random.next() ** 2 + (c === label ? random.next() : 0));
    const sum = weights.reduce((a, b) => a + b, 0);
    for (let c = 0; c < 4; c++) probabilities[row * 4 + c] = weights[c]! / sum;
  });
  return { probabilities, labels };
}

describe("conformal sets", () => {
  it("cover the guaranteed share, over many calibrations", () => {
    const covered = Array.from({ length: 40 }, (_, seed) => {
      const calibration = predictions(200, seed);
      const fresh = predictions(400, 1000 + seed);
      const rule = fitConformal(calibration.probabilities, calibration.labels);
      return scoreSets(fresh.probabilities, fresh.labels, rule).covered;
    });
    const mean = covered.reduce((sum, share) => sum + share, 0) / covered.length;
    // Three standard errors of the mean of 40, each of binomial error √(0.09 · (1/200 + 1/400)).
    expect(Math.abs(mean - 0.9)).toBeLessThan((3 * Math.sqrt(0.09 * (1 / 200 + 1 / 400))) / Math.sqrt(40) + 1 / 201);
  });

  it("hold the true class for at least ⌈(n + 1) · coverage⌉ of the calibration images", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.double({ min: 0.5, max: 0.95, noNaN: true }),
        fc.nat(1000),
        (count, coverage, seed) => {
          const { probabilities, labels } = predictions(count, seed);
          const rule = fitConformal(probabilities, labels, coverage);
          const held = scoreSets(probabilities, labels, rule).covered * count;
          expect(Math.round(held)).toBeGreaterThanOrEqual(Math.min(count, Math.ceil((count + 1) * coverage - 1e-9)));
          expect(rule.calibratedOn).toBe(count);
        },
      ),
      { seed: 1 },
    );
  });

  it("hold every class if there were too few images to rule one out", () => {
    const rule = fitConformal([0.9, 0.1, 0.8, 0.2], [0, 0]);
    expect(rule.threshold).toBe(0);
    expect(conformalSet([0.1, 0.9], rule)).toEqual([1, 0]);
  });

  it("guarantee only what the number of images allows, and say if that is nothing", () => {
    const rule = (calibratedOn: number) => ({ coverage: 0.9, threshold: 0.5, calibratedOn });
    expect(coverageGuarantee(rule(8))).toEqual({ enough: false, interval: [1, 1] });
    const [few, many] = [coverageGuarantee(rule(36)), coverageGuarantee(rule(2000))];
    expect(few.enough && many.enough).toBe(true);
    expect(few.interval[0]).toBeCloseTo(0.8134, 3);
    expect(many.interval[1] - many.interval[0]).toBeLessThan(0.03);
  });

  it("list classes by probability, and may be empty", () => {
    const rule = { coverage: 0.9, threshold: 0.4, calibratedOn: 100 };
    expect(conformalSet([0.45, 0.05, 0.5], rule)).toEqual([2, 0]);
    expect(conformalSet([0.34, 0.33, 0.33], rule)).toEqual([]);
    expect(scoreSets(Float32Array.of(0.45, 0.55, 0.3, 0.3), [0, 1], rule)).toEqual({
      covered: 0.5,
      size: 1,
      single: 0,
      empty: 0.5,
    });
  });

  it("rejects invalid input", () => {
    expect(() => fitConformal([], [])).toThrow("No images");
    expect(() => fitConformal([0.5, 0.5, 1], [0, 1])).toThrow("do not match 2 labels");
    expect(() => fitConformal([0.5, 0.5], [0], 1)).toThrow("coverage between 0 and 1, such as 0.9, but got 1");
  });
});
