import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fitTemperature } from "./temperature.ts";

// prettier-ignore
const logits = [4, 1, 0, 0, 3, 1, 2, 2.5, 0, 5, 0, -1, 1, 0, 4, 3, 1, 2, 0, 6, 1, -1, 2, 2.5];
const labels = [0, 1, 0, 1, 2, 0, 1, 2];

const scored = fc.integer({ min: 1, max: 20 }).chain((examples) =>
  fc.record({
    labels: fc.array(fc.nat(2), { minLength: examples, maxLength: examples }),
    logits: fc.array(fc.double({ min: -20, max: 20, noNaN: true }), {
      minLength: examples * 3,
      maxLength: examples * 3,
    }),
  }),
);

describe("fitTemperature", () => {
  it("agrees with SciPy's bounded minimiser", () => {
    const fitted = fitTemperature(logits, labels);
    expect(fitted.bound).toBe("none");
    expect(fitted.temperature).toBeCloseTo(1.95936422, 6);
    expect(fitted.lossBefore).toBeCloseTo(0.9055221212763997, 12);
    expect(fitted.lossAfter).toBeCloseTo(0.7685969223119549, 12);
  });

  it("is the best of all temperatures within the bounds", () => {
    fc.assert(
      fc.property(scored, fc.double({ min: 0.01, max: 100, noNaN: true }), ({ logits, labels }, other) => {
        const { temperature, lossAfter } = fitTemperature(logits, labels);
        const probabilities = logits.map((z) => z / other);
        const loss = fitTemperature(probabilities, labels).lossBefore;
        expect(temperature).toBeGreaterThanOrEqual(0.01);
        expect(temperature).toBeLessThanOrEqual(100);
        expect(lossAfter).toBeLessThanOrEqual(loss + 1e-9 * (1 + loss));
      }),
    );
  });

  it("scales with the logits", () => {
    const tripled = fitTemperature(
      logits.map((z) => 3 * z),
      labels,
    );
    expect(tripled.temperature).toBeCloseTo(3 * fitTemperature(logits, labels).temperature, 7);
  });

  it("says when it hits a bound", () => {
    expect(fitTemperature([1, 0, 0, 1], [0, 1])).toMatchObject({ temperature: 0.01, bound: "lowest" });
    expect(fitTemperature([1, 0, 0, 1], [1, 0])).toMatchObject({ temperature: 100, bound: "highest" });
    expect(fitTemperature([1, 1, 1, 1], [1, 0])).toMatchObject({ temperature: 1, bound: "none" });
  });

  it("refuses what does not fit", () => {
    expect(() => fitTemperature([1, 2, 3], [0, 1])).toThrow(/3 logits do not fit 2 labels/);
    expect(() => fitTemperature([1, 2], [2])).toThrow(/label 2 names none/);
    expect(() => fitTemperature([Number.POSITIVE_INFINITY, 2], [1])).toThrow(/diverged/);
  });
});
