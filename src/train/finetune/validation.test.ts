import { describe, expect, test } from "vitest";
import { whyText } from "./step-engine.ts";
import { choose, isClearlyBetter, meanLoss, scoreValidation, type ValidationScores } from "./validation.ts";

const of = (losses: readonly number[]): ValidationScores => ({ accuracy: 0, logLoss: 0, losses });

describe("what is kept", () => {
  test("one more correct image of 36 does not beat the probe", () => {
    const labels = Int32Array.from({ length: 36 }, (_, i) => i % 2);
    const logits = (wrong: number): Float32Array =>
      Float32Array.from([...labels].flatMap((label, i) => (label === (i < wrong ? 1 : 0) ? [3, 0] : [0, 3])));
    const [probe, tuned] = [1, 0].map((wrong) => scoreValidation(logits(wrong), { labels }, 2, 0));
    expect([probe!.accuracy, tuned!.accuracy]).toEqual([35 / 36, 1]);
    expect(choose(probe!, tuned!).isTuned).toBe(false);
  });

  test("a gain on many images does, with its figures in the sentence", () => {
    const [probe, tuned] = [
      of(Array.from({ length: 50 }, (_, i) => 0.5 + (i % 3))),
      of(Array.from({ length: 50 }, () => 0.2)),
    ];
    const { isTuned, choice } = choose(probe, tuned, 3);
    expect(isTuned).toBe(true);
    expect(choice).toMatchObject({ by: "log-loss", examples: 50, folds: 3 });
    expect(choice!.gain).toBeCloseTo(meanLoss(probe) - 0.2, 0);
    expect(choice!.gain).toBeGreaterThan(choice!.standardError);
  });

  test("a lower accuracy with better probabilities is kept; without a result, the probe is", () => {
    expect(
      choose(of([0.9, 0.8, 0.9, 0.8, 0.9, 0.8]), { ...of([0.1, 0.1, 0.1, 0.1, 0.1, 0.1]), accuracy: -1 }).isTuned,
    ).toBe(true);
    expect(choose(of([1, 1]), undefined)).toEqual({ isTuned: false, choice: undefined });
    expect(choose(of([1, 1]), of([])).isTuned).toBe(false);
  });

  test("earlier weights replace the last only if they are clearly better", () => {
    const last = Array.from({ length: 20 }, () => 1);
    expect(isClearlyBetter(of(last.map((_, i) => (i === 0 ? 0 : 1.04))), of(last))).toBe(false);
    expect(isClearlyBetter(of(last.map((_, i) => (i % 2 === 0 ? 0 : 1))), of(last))).toBe(true);
    expect(isClearlyBetter(of([]), of([]))).toBe(false);
  });
});

describe("scoreValidation", () => {
  test("diverged weights get the maximum loss, and no error", () => {
    const { losses } = scoreValidation(Float32Array.of(Number.NaN, 0, 1, 0), { labels: Int32Array.of(0, 0) }, 2, 0);
    expect(losses.every((loss) => loss > 15 && Number.isFinite(loss))).toBe(true);
  });
});

describe("why it is kept", () => {
  const choice = { by: "log-loss", examples: 36, folds: 1, probe: 0.3, fineTuned: 0.2, standardError: 0.05 } as const;
  test.each([
    [
      true,
      0.1,
      /^The fine-tuned network is kept: on 36 validation images its log loss is 0\.100 lower .*error 0\.050\)\.$/,
    ],
    [
      false,
      0.04,
      /^The linear probe is kept: on 36 validation images .* 0\.040 lower .*, which is no more than chance\.$/,
    ],
    [false, -0.1, /^The linear probe is kept: .* is 0\.100 higher than the linear probe's\.$/],
  ])("tuned %s, gain %s", (isTuned, gain, said) => {
    expect(whyText(isTuned, { ...choice, gain })).toMatch(said);
  });

  test("after a failure, and by several trainings", () => {
    expect(whyText(false, undefined)).toContain("failed in its first epoch");
    expect(whyText(true, { ...choice, gain: 0.1, folds: 4 })).toContain("36 images held out in 4 trainings");
  });
});
