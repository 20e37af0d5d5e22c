import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../base/random.ts";
import { inseparableClasses, mostFolds, stratifiedFolds, stratifiedSplit } from "./split.ts";

const labelLists = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 120 });
const seeds = fc.integer({ min: 0, max: 1e6 });
const count = (labels: readonly number[], label: number): number => labels.filter((own) => own === label).length;

describe("stratifiedSplit", () => {
  test("puts every example into one part, in order; each class gives its share and keeps at least two", () => {
    fc.assert(
      fc.property(labelLists, fc.double({ min: 0, max: 1, noNaN: true }), seeds, (labels, share, seed) => {
        const { kept, held } = stratifiedSplit(labels, share, createRandom(seed), undefined);
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

  test("splits the same way for the same seed, and differently for another seed", () => {
    const labels = Array.from({ length: 60 }, (_, i) => i % 3);
    const deal = (seed: number): number[] => stratifiedSplit(labels, 0.2, createRandom(seed), undefined).held;
    expect(deal(1)).toEqual(deal(1));
    expect(deal(1)).not.toEqual(deal(2));
    expect(deal(1)).toHaveLength(12);
  });

  test("holds out every example for some seed", () => {
    const labels = Array.from({ length: 20 }, (_, i) => i % 2);
    const seen = new Set(
      Array.from({ length: 60 }, (_, seed) => stratifiedSplit(labels, 0.2, createRandom(seed), undefined).held).flat(),
    );
    expect(seen.size).toBe(20);
  });
});

describe("stratifiedFolds", () => {
  test("fold sizes differ by one at most, within a class and in total", () => {
    fc.assert(
      fc.property(labelLists, fc.integer({ min: 2, max: 7 }), seeds, (labels, folds, seed) => {
        const foldOf = [...stratifiedFolds(labels, folds, createRandom(seed), undefined)];
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

  test("assigns the same folds for the same seed", () => {
    const labels = Array.from({ length: 60 }, (_, i) => i % 3);
    expect(stratifiedFolds(labels, 5, createRandom(3), undefined)).toEqual(
      stratifiedFolds(labels, 5, createRandom(3), undefined),
    );
    expect(stratifiedFolds(labels, 5, createRandom(3), undefined)).not.toEqual(
      stratifiedFolds(labels, 5, createRandom(4), undefined),
    );
  });
});

/** Labels with groups: most of one class, some of several, a few large, many of one example. */
const grouped = fc
  .tuple(
    fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 40 })), { maxLength: 120 }),
    fc.boolean(),
  )
  .map(([pairs, isPure]) => ({
    labels: pairs.map(([label]) => label),
    groups: pairs.map(([label, group]) => (group > 30 ? -1 : isPure ? 100 * label + group : group)),
  }))
  .map(({ labels, groups }) => ({ labels, groups: groups.map((group, i) => (group < 0 ? 1000 + i : group)) }));

/** The groups that may be separated: those that contain a whole class. */
function dissolved(labels: readonly number[], groups: readonly number[]): Set<number> {
  const classes = new Set(inseparableClasses(labels, groups));
  return new Set(groups.filter((_, i) => classes.has(labels[i]!)));
}

const partsOf = (groups: readonly number[], partOf: (i: number) => number, but: ReadonlySet<number>): number[] =>
  [...new Set(groups)]
    .filter((group) => !but.has(group))
    .map((group) => new Set(groups.flatMap((own, i) => (own === group ? [partOf(i)] : []))).size);

describe("groups", () => {
  test("are held out or kept as a whole, and each class keeps two examples and gives one", () => {
    fc.assert(
      fc.property(
        grouped,
        fc.double({ min: 0.05, max: 0.5, noNaN: true }),
        seeds,
        ({ labels, groups }, share, seed) => {
          const { kept, held } = stratifiedSplit(labels, share, createRandom(seed), groups);
          expect([...kept, ...held].sort((a, b) => a - b)).toEqual(labels.map((_, i) => i));
          const isHeld = new Set(held);
          const but = dissolved(labels, groups);
          for (const parts of partsOf(groups, (i) => (isHeld.has(i) ? 1 : 0), but)) expect(parts).toBe(1);
          for (const label of new Set(labels))
            expect(kept.filter((i) => labels[i] === label).length).toBeGreaterThanOrEqual(
              Math.min(2, count(labels, label)),
            );
        },
      ),
    );
  });

  test("of one class each: every class with two or more groups gives about its share, at least one", () => {
    const labels = Array.from({ length: 240 }, (_, i) => (i < 120 ? 0 : 1));
    const groups = labels.map((_, i) => Math.floor(i / 4));
    for (let seed = 0; seed < 20; seed++) {
      const { held } = stratifiedSplit(labels, 0.2, createRandom(seed), groups);
      expect(held).toHaveLength(48);
      expect(new Set(held.map((i) => groups[i])).size).toBe(12);
    }
    const two = [0, 0, 0, 0, 1, 1, 1, 1];
    const pairs = [0, 0, 0, 1, 2, 2, 3, 3];
    expect(stratifiedSplit(two, 0.2, createRandom(1), pairs).held.map((i) => two[i])).toEqual([0, 1, 1]);
  });

  test("are not held out in such a number that training depends on one large group", () => {
    const labels = new Array<number>(200).fill(0).map((_, i) => (i < 100 ? 0 : 1));
    const groups = labels.map((_, i) => (i < 80 ? 0 : i));
    const { kept } = stratifiedSplit(labels, 0.2, createRandom(4), groups);
    expect(new Set(kept.filter((i) => labels[i] === 0).map((i) => groups[i])).size).toBeGreaterThan(10);
  });

  test("are in one fold each, and no fold has all examples of a class", () => {
    fc.assert(
      fc.property(grouped, seeds, ({ labels, groups }, seed) => {
        const folds = Math.min(5, mostFolds(labels, groups));
        fc.pre(folds >= 2 && labels.length > 0);
        const foldOf = stratifiedFolds(labels, folds, createRandom(seed), groups);
        for (const parts of partsOf(groups, (i) => foldOf[i]!, dissolved(labels, groups))) expect(parts).toBe(1);
        for (const label of new Set(labels))
          expect(new Set([...foldOf].filter((_, i) => labels[i] === label)).size).toBeGreaterThanOrEqual(2);
      }),
    );
  });

  test("of one example each change nothing", () => {
    fc.assert(
      fc.property(labelLists, seeds, (labels, seed) => {
        const alone = labels.map((_, i) => 7 * i + 3);
        const split = (groups: readonly number[] | undefined) => {
          const random = createRandom(seed);
          return [
            stratifiedSplit(labels, 0.2, random, groups),
            stratifiedFolds(labels, 5, random, groups),
            random.next(),
          ];
        };
        expect(split(alone)).toEqual(split(undefined));
      }),
    );
  });

  test("that contain a whole class are separated, and the class is reported", () => {
    const labels = [0, 0, 0, 0, 1, 1, 1, 1];
    const groups = [5, 5, 5, 5, 1, 2, 3, 4];
    expect(inseparableClasses(labels, groups)).toEqual([0]);
    expect(stratifiedSplit(labels, 0.25, createRandom(0), groups).held.map((i) => labels[i])).toEqual([0, 1]);
    expect(mostFolds(labels, groups)).toBe(4);
    expect(inseparableClasses(labels, undefined)).toEqual([]);
  });
});
