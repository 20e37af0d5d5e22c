import { describe, expect, it } from "vitest";
import { createRandom } from "../base/random.ts";
import { bootstrap, calibrate, crossFitted, measureCalibration } from "./calibrate.ts";
import { fitTemperature } from "./temperature.ts";

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

/** Constant confidence (logits 3 and 0), correct seven times in ten. */
const sure = Array.from({ length: 200 }, () => [3, 0]).flat();
const labels = Array.from({ length: 200 }, (_, i) => (i % 10 < 7 ? 0 : 1));
const foldOf = labels.map((_, i) => Math.floor(i / 10) % 5);

describe("calibrate", () => {
  it("finds the temperature at which confidence equals accuracy", () => {
    const { temperature, bound, eceBefore, eceAfter, examples, errors } = calibrate(sure, labels, 2, foldOf);
    // sigmoid(3 / T) = 0.7 where T = 3 / ln(0.7 / 0.3); smoothing raises it a little.
    expect(temperature / (3 / Math.log(7 / 3))).toBeGreaterThan(1);
    expect(temperature / (3 / Math.log(7 / 3))).toBeLessThan(1.02);
    expect({ bound, examples, errors }).toEqual({ bound: "none", examples: 200, errors: 60 });
    expect(eceBefore).toBeCloseTo(1 / (1 + Math.exp(-3)) - 0.7, 6);
    expect(eceAfter).toBeLessThan(0.01);
  });

  it("does not become certain after 36 of 36 correct predictions", () => {
    const random = createRandom(1);
    const labels = Array.from({ length: 36 }, (_, i) => i % 2);
    const logits = labels.flatMap((label) => {
      const margin = 2 + 4 * random.next();
      return label === 0 ? [margin, 0] : [0, margin];
    });
    const { temperature, errors, eceAfter } = calibrate(
      logits,
      labels,
      2,
      labels.map((_, i) => i % 5),
    );
    expect(errors).toBe(0);
    expect(temperature).toBeGreaterThanOrEqual(1);
    expect(temperature).toBeLessThan(1.5);
    expect(eceAfter).toBeGreaterThan(0);
  });

  it("scores each example at a temperature that was fitted without it", () => {
    // All predictions of one fold are wrong: its own temperature would be far higher than that of the others.
    const labels = Array.from({ length: 50 }, (_, i) => (i % 5 === 0 ? 1 : 0));
    const logits = labels.flatMap((_, i) => (i === 1 ? [0, 1] : [4, 0]));
    const own = crossFitted(
      logits,
      labels,
      2,
      labels.map((_, i) => i % 5),
    );
    const others = labels.map((_, i) => i).filter((i) => i % 5 !== 0);
    const { temperature } = fitTemperature(
      others.flatMap((i) => [logits[2 * i]!, logits[2 * i + 1]!]),
      others.map((i) => labels[i]!),
    );
    expect(own[0]).toBeCloseTo(1 / (1 + Math.exp(-4 / temperature)), 6);
    expect(own[4]).toBeLessThan(own[0]!);
    expect(crossFitted([3, 0], [0], 2, [0])[0]).toBeCloseTo(1 / (1 + Math.exp(-3)), 6);
  });

  it("rejects shapes that do not match", () => {
    expect(() => calibrate(sure, labels, 3, foldOf)).toThrow(/do not match 200 labels and 3 classes/);
    expect(() => measureCalibration(sure, labels, 3, 1, createRandom(0))).toThrow(/do not match/);
  });
});

describe("measureCalibration", () => {
  it("agrees with the formulas, with intervals around the figures, before and after", () => {
    const { examples, before, after } = measureCalibration(sure, labels, 2, 3 / Math.log(7 / 3), createRandom(0));
    const p = 1 / (1 + Math.exp(-3));
    expect(examples).toBe(200);
    expect(before.ece.value).toBeCloseTo(p - 0.7, 5);
    expect(before.logLoss.value).toBeCloseTo(-0.7 * Math.log(p) - 0.3 * Math.log(1 - p), 5);
    expect(before.brier.value).toBeCloseTo(2 * (0.7 * (1 - p) ** 2 + 0.3 * p ** 2), 5);
    expect(after.logLoss.value).toBeCloseTo(-0.7 * Math.log(0.7) - 0.3 * Math.log(0.3), 5);
    expect(after.ece.value).toBeCloseTo(0, 5);
    for (const { value, interval } of [before.ece, before.logLoss, before.brier, after.logLoss]) {
      expect(interval[0]).toBeLessThan(value);
      expect(interval[1]).toBeGreaterThan(value);
    }
    // A binomial's 95% interval of 70% of 200.
    expect(before.ece.interval[1] - before.ece.interval[0]).toBeCloseTo(2 * 1.96 * Math.sqrt(0.21 / 200), 1);
    expect(before.bins.reduce((sum, { count }) => sum + count, 0)).toBe(200);
  });

  it("is the same for the same seed, whatever the scale of the logits", () => {
    const once = measureCalibration(sure, labels, 2, 2, createRandom(4));
    expect(measureCalibration(sure, labels, 2, 2, createRandom(4))).toEqual(once);
    const huge = measureCalibration(
      sure.map((z) => 1000 * z),
      labels,
      2,
      1,
      createRandom(4),
    );
    expect(Number.isFinite(huge.after.logLoss.value)).toBe(true);
  });
});
