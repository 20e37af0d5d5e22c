import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { createRandom } from "../base/random.ts";
import { evaluatePredictions } from "./evaluation.ts";
import { accuracyInterval, effectiveSize, groupedInterval } from "./intervals.ts";

const grouped = (groups: number, each: number): number[] =>
  Array.from({ length: groups * each }, (_, i) => Math.floor(i / each));

/** Correctness flags that members of one group share with a probability of `alike`. */
function flagsFor(groups: readonly number[], share: number, alike: number, seed: number): number[] {
  const random = createRandom(seed);
  const answer = (): number => (random.next() < share ? 1 : 0);
  const own = new Map<number, number>();
  return groups.map((group) => {
    const common = own.get(group) ?? answer();
    own.set(group, common);
    return random.next() < alike ? common : answer();
  });
}

describe("grouped examples", () => {
  test("count in full if every example is its own group", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 1 }), { minLength: 1, maxLength: 60 }), (right) => {
        const correct = right.reduce((sum, one) => sum + one, 0);
        for (const groups of [undefined, right.map((_, i) => 3 * i)]) {
          expect(effectiveSize(right, groups)).toBe(right.length);
          expect(groupedInterval(right, groups)).toEqual(accuracyInterval(correct, right.length));
        }
      }),
    );
  });

  test("count once per group if members agree, or if agreement is unknown", () => {
    const groups = grouped(12, 4);
    expect(effectiveSize(flagsFor(groups, 0.5, 1, 3), groups)).toBeCloseTo(12, 8);
    expect(
      effectiveSize(
        groups.map(() => 1),
        groups,
      ),
    ).toBeCloseTo(12, 8);
    expect(
      groupedInterval(
        groups.map(() => 1),
        groups,
      ),
    ).toEqual(accuracyInterval(12, 12));
  });

  test("count nearly in full if members do not correlate", () => {
    const groups = grouped(300, 4);
    expect(effectiveSize(flagsFor(groups, 0.5, 0, 1), groups)).toBeGreaterThan(0.9 * 1200);
  });

  test("never count more than there are, nor less than the group sizes allow", () => {
    const cases = fc.array(fc.tuple(fc.integer({ min: 0, max: 1 }), fc.nat(9)), { minLength: 1, maxLength: 80 });
    fc.assert(
      fc.property(cases, (list) => {
        const [right, groups] = [list.map(([one]) => one), list.map(([, group]) => group)];
        const squares = [...new Set(groups)].reduce((sum, g) => sum + groups.filter((own) => own === g).length ** 2, 0);
        const size = effectiveSize(right, groups);
        expect(size).toBeLessThanOrEqual(list.length + 1e-9);
        expect(size).toBeGreaterThanOrEqual(list.length ** 2 / squares - 1e-9);
      }),
    );
  });

  test.each([1, 0.8])("12 images with three copies each, correlation %s: 95%% intervals contain 0.5", (alike) => {
    const groups = grouped(12, 4);
    const trials = Array.from({ length: 2000 }, (_, seed) => flagsFor(groups, 0.5, alike, seed));
    const holds = ([low, high]: readonly [number, number]): boolean => low <= 0.5 && high >= 0.5;
    const held = trials.filter((right) => holds(groupedInterval(right, groups))).length / trials.length;
    expect(held).toBeGreaterThan(0.93);
    const naive = trials.filter((right) => holds(groupedInterval(right, undefined))).length / trials.length;
    expect(naive).toBeLessThan(0.85);
  });

  test("widen the intervals of an evaluation, per class too", () => {
    const labels = [0, 0, 0, 0, 1, 1, 1, 1];
    const probabilities = labels.flatMap((label) => (label === 0 ? [0.9, 0.1] : [0.1, 0.9]));
    const of = (groups?: readonly number[]) =>
      evaluatePredictions({ probabilities, labels, classes: ["a", "b"], groups });
    const [alone, copies] = [of(), of([0, 0, 0, 0, 1, 1, 2, 2])];
    expect([alone.effectiveExamples, alone.interval]).toEqual([8, accuracyInterval(8, 8)]);
    expect(copies.effectiveExamples).toBeCloseTo(64 / 24, 8);
    expect(copies.perClass[0]!.recallInterval).toEqual(accuracyInterval(1, 1));
    expect(copies.perClass[1]!.recallInterval).toEqual(accuracyInterval(2, 2));
  });
});

describe("accuracyInterval", () => {
  // scipy.stats.binomtest(correct, total).proportion_ci(confidence, method="wilson")
  it.each([
    [81, 263, 0.95, 0.2552885198782742, 0.36620957698280004],
    [0, 10, 0.95, 0, 0.27753279986288926],
    [10, 10, 0.95, 0.7224672001371109, 1],
    [7, 8, 0.99, 0.4248288727064644, 0.9851501085991721],
  ])("agrees with SciPy for %i of %i at %f", (correct, total, confidence, low, high) => {
    const interval = accuracyInterval(correct, total, confidence);
    expect(interval[0]).toBeCloseTo(low, 12);
    expect(interval[1]).toBeCloseTo(high, 12);
  });

  it("contains the accuracy, stays in [0, 1] and widens with the confidence", () => {
    const counts = fc.nat(5000).chain((total) => fc.tuple(fc.nat(total + 1), fc.constant(total + 1)));
    fc.assert(
      fc.property(counts, ([correct, total]) => {
        const [low, high] = accuracyInterval(correct, total);
        const [lower, higher] = accuracyInterval(correct, total, 0.999999);
        expect(low).toBeGreaterThanOrEqual(0);
        expect(low).toBeLessThanOrEqual(correct / total);
        expect(high).toBeGreaterThanOrEqual(correct / total);
        expect(high).toBeLessThanOrEqual(1);
        expect(lower).toBeLessThanOrEqual(low);
        expect(higher).toBeGreaterThanOrEqual(high);
      }),
    );
  });

  it.each([
    [1, 0, 0.95, "but got 1 of 0"],
    [3, 2, 0.95, "but got 3 of 2"],
    [-1, 2, 0.95, "but got -1 of 2"],
    [0.5, 2, 0.95, "but got 0.5 of 2"],
    [1, 2, 1, "confidence between 0 and 1, such as 0.95, but got 1"],
    [1, 2, Number.NaN, "confidence between 0 and 1, such as 0.95, but got NaN"],
  ])("rejects %f of %f at %f", (correct, total, confidence, message) => {
    expect(() => accuracyInterval(correct, total, confidence)).toThrow(message);
  });
});
