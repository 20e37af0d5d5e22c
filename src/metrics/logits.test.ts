import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { argmax, logLosses, missShare, softmax } from "./logits.ts";

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

describe("logLosses", () => {
  it("is the negative log of the true class's softmax", () => {
    const [a, b] = logLosses([1, 0, 2, 5, 5, 5], [2, 0], 3);
    expect(a).toBeCloseTo(-Math.log(Math.exp(2) / (Math.exp(1) + 1 + Math.exp(2))), 12);
    expect(b).toBeCloseTo(Math.log(3), 12);
  });

  it("is finite for logits whose probabilities underflow", () => {
    expect([...logLosses([1000, 0], [1], 2)]).toEqual([1000]);
  });

  it("with label smoothing, is the cross-entropy with the smoothed label", () => {
    const [loss] = logLosses([3, 1, 0], [0], 3, 0.1);
    const own = (label: number): number => logLosses([3, 1, 0], [label], 3)[0]!;
    expect(loss).toBeCloseTo(0.9 * own(0) + 0.05 * own(1) + 0.05 * own(2), 12);
  });

  it("of correct predictions has a minimum only with label smoothing", () => {
    const miss = missShare(36);
    const at = (scale: number, share: number): number => logLosses([scale, 0], [0], 2, share)[0]!;
    expect(at(20, 0)).toBeLessThan(at(10, 0));
    const best = Math.log((1 - miss) / miss);
    expect(at(best, miss)).toBeLessThan(at(best - 0.5, miss));
    expect(at(best, miss)).toBeLessThan(at(best + 0.5, miss));
  });
});
