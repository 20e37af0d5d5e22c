import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRandom } from "../base/random.ts";
import { areaUnderRoc, falseAlarmGuarantee, fitOodThreshold } from "./conformal.ts";

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

describe("fitOodThreshold", () => {
  it("at most the requested share of the images it was fitted on exceeds it, and no fewer than possible", () => {
    const distinct = Array.from({ length: 199 }, (_, i) => (i * 83) % 199);
    expect(fitOodThreshold(distinct, undefined, 0.05)).toEqual({ threshold: 189, independent: 199 });
    expect(() => fitOodThreshold([], undefined)).toThrow("No images");
  });

  it("is absent if there are too few images for the rate: the highest score would be exceeded more often", () => {
    const of = (count: number) =>
      fitOodThreshold(
        Array.from({ length: count }, (_, i) => i),
        undefined,
        0.05,
      );
    expect(of(18)).toEqual({ threshold: undefined, independent: 18 });
    expect(of(19)).toEqual({ threshold: 18, independent: 19 });
    expect([falseAlarmGuarantee(18, 0.05).enough, falseAlarmGuarantee(19, 0.05).enough]).toEqual([false, true]);
  });

  it("counts a group as one image, however many copies it has", () => {
    const groups = [0, 0, 0, 0, ...Array.from({ length: 18 }, (_, i) => i + 1)];
    const low = groups.map((group) => (group === 0 ? 0 : group));
    expect(fitOodThreshold(low, groups, 0.05)).toEqual({ threshold: 18, independent: 19 });
    expect(
      fitOodThreshold(
        low,
        groups.map((group) => group % 10),
        0.05,
      ).threshold,
    ).toBeUndefined();
  });

  it("keeps the rate over many small sets", () => {
    const random = createRandom(3);
    for (const count of [19, 25, 40]) {
      let alarms = 0;
      for (let set = 0; set < 4000; set++) {
        const { threshold } = fitOodThreshold(
          Array.from({ length: count }, () => random.next()),
          undefined,
          0.05,
        );
        if (random.next() > threshold!) alarms++;
      }
      expect(alarms / 4000).toBeLessThan(0.06);
    }
    const [low, high] = falseAlarmGuarantee(40, 0.05).interval;
    expect(low).toBeLessThan(0.01);
    expect(high).toBeGreaterThan(0.1);
  });
});
