import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { argmax, softmax } from "./softmax.ts";

describe("softmax", () => {
  it("sums to one, keeps the order and ignores a shift, however large the logits", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -80, max: 80 }), { minLength: 1, maxLength: 9 }), (row) => {
        const probabilities = softmax(row, row.length);
        expect(probabilities.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
        expect(argmax(probabilities, 0, row.length)).toBe(argmax(row, 0, row.length));
        const shifted = softmax(
          row.map((z) => z + 1e6),
          row.length,
        );
        expect([...shifted]).toEqual([...probabilities]);
      }),
    );
  });

  it("rejects invalid rows and temperatures", () => {
    expect(() => softmax([1, 2, 3], 2)).toThrow(/3 logits are not a multiple of 2 classes/);
    expect(() => softmax([1, 2], 2, 0)).toThrow(/temperature above 0, but got 0/);
  });
});
