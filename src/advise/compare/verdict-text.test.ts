/** The text of a verdict, and of an undecided comparison. */
import { describe, expect, test } from "vitest";
import type { Needs, StrategyTraining } from "./comparison.ts";
import type { ComparisonVerdict, Lead } from "./comparison-verdict.ts";
import { reasonOf, trainedText } from "./verdict-text.ts";

const lead: Lead = { road: "probe", over: "scratch", mean: 0.373, interval: [0.276, 0.461], bySeed: [0.373] };
const training = (flattened: boolean, couldReach: number): StrategyTraining[] => [
  {
    ...{ road: "scratch", flattened, couldReach },
    trainings: [{ epochs: 20, seconds: 16, accuracy: 0.54, trainAccuracy: 0.65, validationLogLoss: 0.6, isCut: false }],
  },
];
const needs: Needs = { roads: ["scratch"], epochs: 20, moreSeconds: 700, budgetSeconds: 1500, moreEpochs: undefined };
const open: ComparisonVerdict = { verdict: "undecided", why: "untrained", leads: [lead], open: ["scratch"] };

describe("an undecided comparison", () => {
  test("reports the minutes needed, and which strategy could still win", () => {
    const text = reasonOf(open, { savings: undefined, training: training(false, 1), needs });
    expect(text).toMatch(
      /^Undecided: give about 12 more minutes \(--budget 25m\)\. A network from scratch gets 54\.0% right/,
    );
    expect(text).toContain("after 20 epochs (65.0% on its training images) and is still improving");
    expect(text).toContain("it could still win. So far, a head on the frozen network is 37.3 points ahead");
  });

  test("bounded by epochs, reports the epochs needed", () => {
    const more = { ...needs, budgetSeconds: undefined, moreEpochs: 40, moreSeconds: 30 };
    expect(reasonOf(open, { savings: undefined, training: training(false, 1), needs: more })).toMatch(
      /^Undecided: give --epochs 40, about 1 more minute here\./,
    );
  });

  test("names all strategies that could win, and those that never ran", () => {
    const both = { ...needs, roads: ["fine-tune", "scratch"] as const };
    const text = reasonOf(
      { ...open, open: ["fine-tune", "scratch"] },
      { savings: undefined, training: training(false, 1), needs: both },
    );
    expect(text).toContain("Fine-tuning it had no time to train; a network from scratch gets");
    expect(text).toContain("each of them could still win");
  });
});

test("transfer that leaves nothing to gain says so, and reports no lead over an untrained strategy", () => {
  const text = reasonOf(
    { verdict: "transfer", leads: [lead], nearMaximum: 0.99 },
    { savings: undefined, training: training(false, 1), needs: undefined },
  );
  expect(text).toBe(
    "Transfer: train a head on the frozen network: it gets 99.0% of the evaluation images right, so nothing could be more than 2.0 points ahead.",
  );
});

describe("a verdict over a strategy that was still improving", () => {
  const transfer: ComparisonVerdict = { verdict: "transfer", leads: [lead] };

  test("says so, and why it stands", () => {
    const text = reasonOf(transfer, { savings: undefined, training: training(false, 0.8), needs: undefined });
    expect(text).toContain("After 20 epochs a network from scratch was still improving");
    expect(text).toContain("with 8 times the training it could reach at most 80.0%");
  });

  test("does not mention it if the curve was flat", () => {
    const text = reasonOf(transfer, { savings: undefined, training: training(true, 0.54), needs: undefined });
    expect(text).not.toContain("improving");
  });
});

test("a point reports the epochs of its trainings", () => {
  expect([trainedText({ epochs: undefined, flattened: true }), trainedText({ epochs: 40, flattened: true })]).toEqual([
    "–",
    "40",
  ]);
  expect(trainedText({ epochs: 40, flattened: false })).toBe("40, still improving");
});
