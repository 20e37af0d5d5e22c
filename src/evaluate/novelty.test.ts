import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { areaUnderRoc, noveltyThreshold } from "./novelty.ts";

const scores = fc.array(fc.integer({ min: 0, max: 20 }), { minLength: 1, maxLength: 30 });

describe("areaUnderRoc", () => {
  it("is the share of pairs in the right order, ties counting half", () => {
    fc.assert(
      fc.property(scores, scores, (known, unknown) => {
        const pairs = known.flatMap((k) => unknown.map((u) => (u > k ? 1 : u === k ? 0.5 : 0)));
        const share = pairs.reduce<number>((sum, pair) => sum + pair, 0) / pairs.length;
        expect(areaUnderRoc(known, unknown)).toBeCloseTo(share, 10);
      }),
      { seed: 1 },
    );
  });
});

describe("noveltyThreshold", () => {
  it("is exceeded by at most the rate of those that it was fitted on, and by as many as that allows", () => {
    const distinct = Array.from({ length: 199 }, (_, i) => (i * 83) % 199);
    expect(noveltyThreshold(distinct, 0.05)).toBe(189);
    expect(noveltyThreshold([3, 1, 2], 0.05)).toBe(3);
    expect(() => noveltyThreshold([])).toThrow("no picture");
  });
});
