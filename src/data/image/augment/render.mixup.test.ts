import fc from "fast-check";
import { expect, it } from "vitest";
import { createRandom } from "../../../base/random.ts";
import { mixRows, oneHot, planMixup } from "./render.ts";

it("mixes each row with its partner's row, and labels with the same share", () => {
  const mixing = { share: 0.75, partners: [1, 2, 0] };
  expect([...mixRows(Float32Array.from([0, 4, 8, 12, 16, 20]), mixing)]).toEqual([2, 6, 10, 14, 12, 16]);
  expect([...mixRows(oneHot([0, 1, 1], 2), mixing)]).toEqual([0.75, 0.25, 0, 1, 0.25, 0.75]);
});

it("keeps the mean of a batch and the sum of labels", () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(4), { minLength: 1, maxLength: 20 }),
      fc.double({ min: 0.05, max: 4, noNaN: true }),
      fc.integer(),
      (labels, alpha, seed) => {
        const random = createRandom(seed);
        const mixing = planMixup(labels.length, alpha, random);
        expect([...mixing.partners].sort((a, b) => a - b)).toEqual(labels.map((_, i) => i));
        expect(mixing.share).toBeGreaterThanOrEqual(0);
        expect(mixing.share).toBeLessThanOrEqual(1);
        const rows = Float32Array.from({ length: labels.length * 3 }, () => random.next());
        const sum = (values: Float32Array): number => values.reduce((total, value) => total + value, 0);
        expect(sum(mixRows(rows, mixing))).toBeCloseTo(sum(rows), 3);
        const soft = mixRows(oneHot(labels, 5), mixing);
        labels.forEach((_, row) => {
          expect(sum(soft.subarray(row * 5, row * 5 + 5))).toBeCloseTo(1, 5);
        });
      },
    ),
    { numRuns: 60 },
  );
});

// Beta(α, α): mean ½, variance 1 / (4 (2α + 1)).
it.each([0.05, 0.2, 1, 3])("draws its share from Beta(%f, %f)", (alpha) => {
  const random = createRandom(11);
  const shares = Array.from({ length: 4000 }, () => planMixup(1, alpha, random).share);
  const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length;
  const variance = shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / shares.length;
  expect(Math.abs(mean - 0.5)).toBeLessThan(0.03);
  expect(variance * 4 * (2 * alpha + 1)).toBeGreaterThan(0.93);
  expect(variance * 4 * (2 * alpha + 1)).toBeLessThan(1.07);
});

it("throws for rows that cannot be mixed", () => {
  expect(() => planMixup(4, 0, createRandom(1))).toThrow(RangeError);
  expect(() => mixRows(new Float32Array(7), { share: 0.5, partners: [0, 1] })).toThrow(RangeError);
  expect(() => oneHot([2], 2)).toThrow(RangeError);
});
