import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { accuracyInterval } from "./interval.ts";

describe("accuracyInterval", () => {
  // scipy.stats.binomtest(correct, total).proportion_ci(confidence, method="wilson")
  it.each([
    [81, 263, 0.95, 0.2552885198782742, 0.36620957698280004],
    [0, 10, 0.95, 0, 0.27753279986288926],
    [10, 10, 0.95, 0.7224672001371109, 1],
    [7, 8, 0.99, 0.4248288727064644, 0.9851501085991721],
  ])("agrees with SciPy for %i of %i at %f", (correct, total, confidence, low, high) => {
    const interval = accuracyInterval(correct, total, confidence);
    expect(interval[0]).toBeCloseTo(low, 12);
    expect(interval[1]).toBeCloseTo(high, 12);
  });

  it("contains the accuracy, stays in [0, 1] and widens with the confidence", () => {
    const counts = fc.nat(5000).chain((total) => fc.tuple(fc.nat(total + 1), fc.constant(total + 1)));
    fc.assert(
      fc.property(counts, ([correct, total]) => {
        const [low, high] = accuracyInterval(correct, total);
        const [lower, higher] = accuracyInterval(correct, total, 0.999999);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(low).toBeLessThanOrEqual(correct / total);
        expect(high).toBeGreaterThanOrEqual(correct / total);
        expect(high).toBeLessThanOrEqual(1);
        expect(lower).toBeLessThanOrEqual(low);
        expect(higher).toBeGreaterThanOrEqual(high);
      }),
    );
  });

  it.each([
    [1, 0, 0.95, "but got 1 of 0"],
    [3, 2, 0.95, "but got 3 of 2"],
    [-1, 2, 0.95, "but got -1 of 2"],
    [0.5, 2, 0.95, "but got 0.5 of 2"],
    [1, 2, 1, "confidence between 0 and 1, such as 0.95, but got 1"],
    [1, 2, Number.NaN, "confidence between 0 and 1, such as 0.95, but got NaN"],
  ])("rejects %f of %f at %f", (correct, total, confidence, message) => {
    expect(() => accuracyInterval(correct, total, confidence)).toThrow(message);
  });
});
