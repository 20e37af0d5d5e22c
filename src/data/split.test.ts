import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "../base/random.ts";
import { stratifiedFolds, stratifiedSplit } from "./split.ts";

const labelLists = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 120 });
const seeds = fc.integer({ min: 0, max: 1e6 });
const count = (labels: readonly number[], label: number): number => labels.filter((own) => own === label).length;

describe("stratifiedSplit", () => {
  test("every example is in one part, in order; each class gives its share and keeps at least two", () => {
    fc.assert(
      fc.property(labelLists, fc.double({ min: 0, max: 1, noNaN: true }), seeds, (labels, share, seed) => {
        const { kept, held } = stratifiedSplit(labels, share, createRandom(seed));
        expect([...kept, ...held].sort((a, b) => a - b)).toEqual(labels.map((_, i) => i));
        for (const part of [kept, held]) expect(part).toEqual(part.toSorted((a, b) => a - b));
        for (const label of new Set(labels)) {
          const all = count(labels, label);
          const out = held.filter((i) => labels[i] === label).length;
          expect(all - out).toBeGreaterThanOrEqual(Math.min(2, all));
          if (all >= 3) expect(out).toBeGreaterThanOrEqual(1);
          expect(Math.abs(out - all * share)).toBeLessThanOrEqual(Math.max(1, all * share - (all - 2)));
        }
      }),
    );
  });

  test("the same seed deals the same, another seed another way", () => {
    const labels = Array.from({ length: 60 }, (_, i) => i % 3);
    const deal = (seed: number): number[] => stratifiedSplit(labels, 0.2, createRandom(seed)).held;
    expect(deal(1)).toEqual(deal(1));
    expect(deal(1)).not.toEqual(deal(2));
    expect(deal(1)).toHaveLength(12);
  });

  test("every example is held out by some seed", () => {
    const labels = Array.from({ length: 20 }, (_, i) => i % 2);
    const seen = new Set(
      Array.from({ length: 60 }, (_, seed) => stratifiedSplit(labels, 0.2, createRandom(seed)).held).flat(),
    );
    expect(seen.size).toBe(20);
  });
});

describe("stratifiedFolds", () => {
  test("within a class, and over all, the sizes of folds differ by one at the most", () => {
    fc.assert(
      fc.property(labelLists, fc.integer({ min: 2, max: 7 }), seeds, (labels, folds, seed) => {
        const foldOf = [...stratifiedFolds(labels, folds, createRandom(seed))];
        expect(foldOf).toHaveLength(labels.length);
        expect(foldOf.every((fold) => fold >= 0 && fold < folds)).toBe(true);
        const spread = (own: readonly number[]): number => {
          const sizes = Array.from({ length: folds }, (_, fold) => count(own, fold));
          return Math.max(...sizes) - Math.min(...sizes);
        };
        expect(spread(foldOf)).toBeLessThanOrEqual(1);
        for (const label of new Set(labels)) {
          expect(spread(foldOf.filter((_, i) => labels[i] === label))).toBeLessThanOrEqual(1);
        }
      }),
    );
  });

  test("the same seed deals the same", () => {
    const labels = Array.from({ length: 60 }, (_, i) => i % 3);
    expect(stratifiedFolds(labels, 5, createRandom(3))).toEqual(stratifiedFolds(labels, 5, createRandom(3)));
    expect(stratifiedFolds(labels, 5, createRandom(3))).not.toEqual(stratifiedFolds(labels, 5, createRandom(4)));
  });
});
