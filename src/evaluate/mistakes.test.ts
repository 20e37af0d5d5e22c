import { describe, expect, it } from "vitest";
import { mostConfidentMistakes, mostConfusedPairs } from "./mistakes.ts";

describe("mostConfidentMistakes", () => {
  const probabilities = [0.9, 0.1, 0.4, 0.6, 0.75, 0.25, 0.25, 0.75];
  it("lists the most confident mistakes first, never a correct prediction", () => {
    expect(mostConfidentMistakes(probabilities, [1, 0, 0, 0], 9)).toEqual([
      { index: 0, truth: 1, prediction: 0, probability: 0.9 },
      { index: 3, truth: 0, prediction: 1, probability: 0.75 },
      { index: 1, truth: 0, prediction: 1, probability: 0.6 },
    ]);
    expect(mostConfidentMistakes(probabilities, [1, 0, 0, 0], 1).map(({ index }) => index)).toEqual([0]);
  });
});

describe("mostConfusedPairs", () => {
  it("orders by count, then share, and leaves the diagonal and zeros out", () => {
    const confusion = [
      [8, 2, 0],
      [0, 0, 2],
      [3, 0, 9],
    ];
    expect(mostConfusedPairs(confusion, 9)).toEqual([
      { truth: 2, prediction: 0, count: 3, share: 3 / 12 },
      { truth: 1, prediction: 2, count: 2, share: 1 },
      { truth: 0, prediction: 1, count: 2, share: 2 / 10 },
    ]);
    expect(mostConfusedPairs([[3]], 5)).toEqual([]);
  });
});
