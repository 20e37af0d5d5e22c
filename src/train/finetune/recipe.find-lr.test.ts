import { describe, expect, test } from "vitest";
import { findLearningRate } from "./recipe.ts";
import type { StepRunner } from "./step-runner.ts";

/** Gradient descent on w² / 2, which diverges from a learning rate of 2 / curvature on. */
const descent =
  (curvature: number): StepRunner =>
  async (held, _batch, [learningRate = 0]) => {
    const w = held.get("w")![0]!;
    const gradient = curvature * w;
    return {
      losses: [(curvature * w * w) / 2],
      norms: [Math.abs(gradient)],
      held: new Map([["w", Float32Array.of(w - learningRate * gradient)]]),
    };
  };
const held = new Map([["w", Float32Array.of(1)]]);
const batch = () => ({});

describe("the learning-rate finder", () => {
  test("suggests a rate below divergence, lower for a steeper valley", async () => {
    const [gentle, steep] = [
      await findLearningRate({ run: descent(20), held, batch }),
      await findLearningRate({ run: descent(2000), held, batch }),
    ];
    expect(gentle.suggested).toBeLessThan(2 / 20);
    expect(gentle.suggested).toBeGreaterThan(2 / 20 / 100);
    expect(steep.suggested).toBeLessThan(2 / 2000);
    expect(steep.suggested).toBeLessThan(gentle.suggested);
    expect(held.get("w")![0]).toBe(1);
  });

  test("ends if the loss diverges or is not a number, and returns the tried rates in ascending order", async () => {
    const { points } = await findLearningRate({ run: descent(2000), held, batch });
    expect(points.length).toBeLessThan(80);
    const rates = points.map(({ learningRate }) => learningRate);
    expect(rates).toEqual(rates.toSorted((a, b) => a - b));
    const broken: StepRunner = async () => ({ losses: [Number.NaN], norms: [1], held });
    expect((await findLearningRate({ run: broken, held, batch })).points).toEqual([]);
  });
});
