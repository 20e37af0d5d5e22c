import { describe, expect, test } from "vitest";
import { cosineRate, layerRate } from "./optimisers.ts";

describe("cosineRate", () => {
  const options = { peak: 0.1, steps: 10, warmUp: 4 };

  test("rises to its peak in equal steps, then falls to the final rate", () => {
    const rates = Array.from({ length: 10 }, (_, i) => cosineRate(i + 1, options));
    expect(rates.slice(0, 4)).toEqual([0.025, 0.05, 0.075, 0.1].map((rate) => expect.closeTo(rate, 10)));
    for (let i = 4; i < 10; i++) expect(rates[i]).toBeLessThan(rates[i - 1]!);
    // Half way between the warm-up's end and the last step: half the peak.
    expect(rates[6]).toBeCloseTo(0.05, 10);
    expect(rates[9]).toBeCloseTo(0, 10);
    expect(cosineRate(10, { ...options, final: 0.2 })).toBeCloseTo(0.02, 10);
  });

  test("works without warm-up, for a single step, and with nothing but warm-up", () => {
    expect(cosineRate(1, { peak: 1, steps: 2 })).toBeCloseTo(0.5, 10);
    expect(cosineRate(1, { peak: 1, steps: 1 })).toBeCloseTo(0, 10);
    expect(cosineRate(3, { peak: 1, steps: 3, warmUp: 3 })).toBe(1);
  });

  test("refuses steps outside the training", () => {
    expect(() => cosineRate(0, options)).toThrow("Step 0 is outside 1 … 10");
    expect(() => cosineRate(11, options)).toThrow(RangeError);
    expect(() => cosineRate(Number.NaN, options)).toThrow(RangeError);
  });
});

test("layerRate slows layers by their distance from the head", () => {
  expect([0, 1, 2].map((depth) => layerRate(depth, 3, 0.5))).toEqual([0.25, 0.5, 1]);
  expect(layerRate(0, 12, 1)).toBe(1);
  expect(() => layerRate(3, 3, 0.5)).toThrow("Layer 3 is outside 0 … 2");
});
