import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { evaluatePredictions, mostConfidentMistakes, mostConfusedPairs } from "./evaluation.ts";
import { softmax } from "./logits.ts";

const classes = ["ant", "bee", "cat"];
// prettier-ignore
const probabilities = [
  0.7, 0.2, 0.1, 0.1, 0.8, 0.1, 0.3, 0.3, 0.4, 0.5, 0.4, 0.1, 0.2, 0.2, 0.6, 0.05, 0.9, 0.05, 0.6, 0.1, 0.3, 0.1, 0.6,
  0.3,
];
const labels = [0, 1, 2, 1, 2, 1, 2, 0];

/** N × C random predictions. */
const predictions = fc
  .record({ examples: fc.integer({ min: 1, max: 30 }), size: fc.integer({ min: 1, max: 6 }) })
  .chain(({ examples, size }) =>
    fc.record({
      size: fc.constant(size),
      labels: fc.array(fc.integer({ min: 0, max: size - 1 }), { minLength: examples, maxLength: examples }),
      logits: fc.array(fc.integer({ min: -60, max: 60 }), { minLength: examples * size, maxLength: examples * size }),
    }),
  );

describe("evaluatePredictions", () => {
  it("agrees with scikit-learn", () => {
    const evaluation = evaluatePredictions({ probabilities, labels, classes, majorityClass: 1 });
    expect(evaluation).toMatchObject({
      examples: 8,
      correct: 5,
      accuracy: 0.625,
      confusion: [
        [1, 1, 0],
        [1, 2, 0],
        [1, 0, 2],
      ],
      baseline: { class: "bee", accuracy: 3 / 8 },
      logLossFloored: 0,
    });
    expect(evaluation.balancedAccuracy).toBeCloseTo(0.611111111111111, 12);
    expect(evaluation.logLoss).toBeCloseTo(0.8168929994681314, 12);
    expect(evaluation.perClass.map(({ precision }) => precision)).toEqual([1 / 3, 2 / 3, 1]);
    expect(evaluation.perClass.map(({ recall }) => recall)).toEqual([1 / 2, 2 / 3, 2 / 3]);
    expect(evaluation.perClass.map(({ f1 }) => f1)).toEqual([0.4, 2 / 3, 0.8]);
    expect(evaluation.calibrationError).toBeCloseTo(0.3125, 12);
    // NumPy: ((p - eye(3)[labels]) ** 2).sum(1).mean()
    expect(evaluation.brier).toBeCloseTo(0.466875, 12);
  });

  it("marks a class with three examples, with wide intervals", () => {
    const labels = [0, 0, 0, ...Array.from({ length: 20 }, () => 1)];
    const sure = labels.flatMap((label) => [0, 1, 2].map((c) => (c === label ? 1 : 0)));
    const [three, twenty] = evaluatePredictions({ probabilities: sure, labels, classes }).perClass;
    expect(three).toMatchObject({ recall: 1, few: true });
    expect(three!.recallInterval![0]).toBeLessThan(0.5);
    expect(twenty).toMatchObject({ recall: 1, few: false });
    expect(twenty!.recallInterval![0]).toBeGreaterThan(0.8);
  });

  it("gives null, not NaN, for a class that never occurs and is never predicted", () => {
    const evaluation = evaluatePredictions({ probabilities: [1, 0, 0, 0, 1, 0], labels: [0, 0], classes });
    expect(evaluation.perClass[1]).toMatchObject({ support: 0, predicted: 1, precision: 0, recall: null, f1: 0 });
    expect(evaluation.perClass[2]).toMatchObject({ support: 0, predicted: 0, precision: null, recall: null, f1: null });
    expect(evaluation.perClass[2]).toMatchObject({ precisionInterval: null, recallInterval: null, few: true });
    expect(evaluation.balancedAccuracy).toBe(0.5);
    expect(evaluation.baseline).toBeNull();
    expect(evaluation.logLossFloored).toBe(1);
    expect(evaluation.logLoss).toBeCloseTo((23 * Math.LN2) / 2, 12);
  });

  it("is consistent for any predictions and survives JSON", () => {
    fc.assert(
      fc.property(predictions, ({ size, labels, logits }) => {
        const names = Array.from({ length: size }, (_, c) => `c${c}`);
        const evaluation = evaluatePredictions({ probabilities: softmax(logits, size), labels, classes: names });
        expect(evaluation.confusion.flat().reduce((a, b) => a + b, 0)).toBe(labels.length);
        expect(evaluation.reliability.reduce((sum, { count }) => sum + count, 0)).toBe(labels.length);
        expect(evaluation.interval[0]).toBeLessThanOrEqual(evaluation.accuracy);
        expect(evaluation.interval[1]).toBeGreaterThanOrEqual(evaluation.accuracy);
        expect(evaluation.calibrationError).toBeGreaterThanOrEqual(0);
        expect(evaluation.calibrationError).toBeLessThanOrEqual(1);
        // Every prediction is some class, so recall weighted by support is the accuracy.
        const weighted = evaluation.perClass.reduce((sum, { recall, support }) => sum + (recall ?? 0) * support, 0);
        expect(weighted / labels.length).toBeCloseTo(evaluation.accuracy, 12);
        for (const bin of evaluation.reliability)
          if (bin.confidence !== null) {
            expect(bin.confidence).toBeGreaterThan(bin.lower - 1e-6);
            expect(bin.confidence).toBeLessThan(bin.upper + 1e-6);
          }
        expect(JSON.parse(JSON.stringify(evaluation))).toEqual(evaluation);
      }),
    );
  });

  it.each([
    ["no examples", { probabilities: [], labels: [], classes }, /at least one labelled image/],
    ["a wrong shape", { probabilities: [1, 0], labels: [0], classes }, /do not match 1 labels and 3 classes/],
    ["a stray label", { probabilities: [1, 0, 0], labels: [3], classes }, /labels from 0 to 2, but got 3/],
    [
      "a stray majority",
      { probabilities: [1, 0, 0], labels: [0], classes, majorityClass: -1 },
      /labels from 0 to 2, but got -1/,
    ],
    ["NaN", { probabilities: [1, Number.NaN, 0], labels: [0], classes }, /returned NaN as a probability/],
  ])("rejects %s", (_, input, message) => {
    expect(() => evaluatePredictions(input)).toThrow(message);
  });
});

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
