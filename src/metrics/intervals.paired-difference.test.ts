import fc from "fast-check";
import { expect, it } from "vitest";
import { isClear, pairedGain } from "./intervals.ts";

it("is the mean difference and its standard error, with one added example that contradicts it", () => {
  const { mean, error } = pairedGain([1, 2, 3, 4], [1, 1, 1, 1]);
  // Of 0, 1, 2, 3 and −3.
  expect(mean).toBeCloseTo(0.6, 12);
  expect(error).toBeCloseTo(Math.sqrt((0.36 + 0.16 + 1.96 + 5.76 + 12.96) / 4 / 5), 12);
  expect(() => pairedGain([1], [1, 2])).toThrow(RangeError);
  expect(() => pairedGain([], [])).toThrow(RangeError);
});

it("is never clear because of a single example, however large", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.double({ min: 1e-3, max: 16, noNaN: true }), (count, loud) => {
      const from = Array.from({ length: count }, (_, i) => (i === 0 ? loud : 1));
      expect(
        isClear(
          pairedGain(
            from,
            from.map((loss, i) => (i === 0 ? 0 : loss)),
          ),
        ),
      ).toBe(false);
    }),
  );
});

it("is clear if many examples gain", () => {
  const ones = Array.from({ length: 36 }, () => 1);
  expect(
    isClear(
      pairedGain(
        ones,
        ones.map((_, i) => (i % 3 === 0 ? 0 : 1)),
      ),
    ),
  ).toBe(true);
  expect(isClear(pairedGain(ones, ones))).toBe(false);
  expect(
    isClear(
      pairedGain(
        ones,
        ones.map(() => 2),
      ),
    ),
  ).toBe(false);
});
