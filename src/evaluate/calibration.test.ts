import { describe, expect, it } from "vitest";
import { calibrate, compareCalibration } from "./calibration.ts";

/** Always about as sure (logits 3 and 0), right seven times in ten. */
const sure = Array.from({ length: 20 }, () => [3, 0]).flat();
const labels = Array.from({ length: 20 }, (_, i) => (i % 10 < 7 ? 0 : 1));

describe("calibrate", () => {
  it("finds the temperature at which the answers are as sure as they are right", () => {
    const { temperature, bound, eceBefore, eceAfter } = calibrate(sure, labels, 2);
    // sigmoid(3 / T) = 0.7 where T = 3 / ln(0.7 / 0.3)
    expect(temperature).toBeCloseTo(3 / Math.log(7 / 3), 8);
    expect(bound).toBe("none");
    expect(eceBefore).toBeCloseTo(1 / (1 + Math.exp(-3)) - 0.7, 6);
    expect(eceAfter).toBeCloseTo(0, 6);
  });
});

describe("compareCalibration", () => {
  it("changes nothing at temperature 1 and refuses shapes that do not fit", () => {
    const { binsBefore, binsAfter } = compareCalibration(sure, labels, 2, 1);
    expect(binsAfter).toEqual(binsBefore);
    expect(() => compareCalibration(sure, labels, 3, 1)).toThrow(/do not fit 20 labels and 3 classes/);
  });
});
