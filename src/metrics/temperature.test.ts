import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { logLosses, missShare } from "./logits.ts";
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
  it("agrees with SciPy's bounded minimiser on smoothed labels", () => {
    const fitted = fitTemperature(logits, labels);
    expect(fitted).toMatchObject({ bound: "none", examples: 8, errors: 2 });
    expect(fitted.temperature).toBeCloseTo(2.48728118, 6);
    expect(fitted.lossBefore).toBeCloseTo(0.9055221212763999, 12);
    expect(fitted.lossAfter).toBeCloseTo(0.7797359569, 8);
  });

  it("is the best of all temperatures within the bounds, or 1 if the gain of a lower one is too small", () => {
    fc.assert(
      fc.property(scored, fc.double({ min: 0.1, max: 100, noNaN: true }), ({ logits, labels }, other) => {
        const { temperature, errors } = fitTemperature(logits, labels);
        const lossAt = (at: number): number => {
          const losses = logLosses(
            logits.map((z) => z / at),
            labels,
            3,
            missShare(labels.length),
          );
          return losses.reduce((sum, loss) => sum + loss, 0);
        };
        expect(temperature).toBeGreaterThanOrEqual(0.1);
        expect(temperature).toBeLessThanOrEqual(100);
        const room = temperature !== 1 ? 0 : errors > 0 ? 1.92 : Number.POSITIVE_INFINITY;
        if (other >= 1 || temperature < 1 || room < Number.POSITIVE_INFINITY)
          expect(lossAt(temperature)).toBeLessThanOrEqual(lossAt(other) + room + 1e-8 * (1 + lossAt(other)));
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

  it("does not become certain if every prediction is correct, however few and however confident", () => {
    for (const count of [2, 36, 500]) {
      for (const margin of [0.5, 3, 10, 30]) {
        const labels = Array.from({ length: count }, (_, i) => i % 2);
        const logits = labels.flatMap((label) => (label === 0 ? [margin, 0] : [0, margin]));
        const { temperature, errors, bound } = fitTemperature(logits, labels);
        expect({ errors, bound }).toEqual({ errors: 0, bound: "none" });
        expect(temperature).toBeGreaterThanOrEqual(1);
        // As confident as the rule of succession allows, or as the head was if that is less.
        expect(1 / (1 + Math.exp(margin / temperature))).toBeGreaterThanOrEqual(1 / (count + 2) - 1e-9);
      }
    }
  });

  it("raises the confidence if many examples support it, and not for a few", () => {
    const timid = (count: number): ReturnType<typeof fitTemperature> => {
      const labels = Array.from({ length: count }, () => 0);
      return fitTemperature(
        labels.flatMap((_, i) => (i % 20 === 19 ? [0, 1] : [2, 0])),
        labels,
      );
    };
    expect(timid(20).temperature).toBe(1);
    expect(timid(400).temperature).toBeLessThan(0.8);
  });

  it("says when it hits a bound", () => {
    expect(fitTemperature([1, 0, 0, 1], [1, 0])).toMatchObject({ temperature: 100, bound: "highest" });
    expect(fitTemperature([1, 1, 1, 1], [1, 0])).toMatchObject({ temperature: 1, bound: "none" });
    const labels = Array.from({ length: 4000 }, () => 0);
    const faint = labels.flatMap((_, i) => (i === 0 ? [0, 0.001] : [0.01, 0]));
    expect(fitTemperature(faint, labels)).toMatchObject({ temperature: 0.1, bound: "lowest" });
  });

  it("rejects input that does not match", () => {
    expect(() => fitTemperature([1, 2, 3], [0, 1])).toThrow(/3 logits do not match 2 labels/);
    expect(() => fitTemperature([1, 2], [2])).toThrow(/labels from 0 to 1, but got 2/);
    expect(() => fitTemperature([Number.POSITIVE_INFINITY, 2], [1])).toThrow(/diverged/);
  });
});
