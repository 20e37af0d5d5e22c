import { describe, expect, it } from "vitest";
import { createRandom } from "../base/random.ts";
import { bootstrap } from "./bootstrap.ts";

/** The mean of values, weighted by how often each counts. */
const meanOf =
  (values: readonly number[]) =>
  (counts: Uint16Array): number[] => [values.reduce((sum, value, i) => sum + counts[i]! * value, 0) / values.length];

describe("bootstrap", () => {
  it("covers the true value about 95 times in 100", () => {
    const random = createRandom(1);
    let held = 0;
    for (let trial = 0; trial < 200; trial++) {
      const values = Array.from({ length: 60 }, () => random.next());
      const [{ value, interval }] = bootstrap(60, meanOf(values), random) as [ReturnType<typeof bootstrap>[number]];
      expect(interval[0]).toBeLessThan(value);
      if (interval[0] <= 0.5 && 0.5 <= interval[1]) held++;
    }
    expect(held / 200).toBeGreaterThan(0.89);
    expect(held / 200).toBeLessThan(0.99);
  });

  it("corrects the upward bias of a non-negative figure on few examples", () => {
    // |mean| of values whose mean is 0: always above the truth, and more so on resamples.
    const random = createRandom(2);
    let held = 0;
    for (let trial = 0; trial < 50; trial++) {
      const values = Array.from({ length: 40 }, () => random.next() - 0.5);
      const [{ interval }] = bootstrap(40, (counts) => [Math.abs(meanOf(values)(counts)[0]!)], random) as [
        ReturnType<typeof bootstrap>[number],
      ];
      if (interval[0] === 0) held++;
    }
    expect(held).toBeGreaterThanOrEqual(44);
  });

  it("is the same for the same seed, and has no width for one example", () => {
    const values = [1, 5, 2, 9];
    const once = bootstrap(4, meanOf(values), createRandom(3));
    expect(bootstrap(4, meanOf(values), createRandom(3))).toEqual(once);
    expect(bootstrap(1, meanOf([7]), createRandom(3))).toEqual([{ value: 7, interval: [7, 7] }]);
  });
});
