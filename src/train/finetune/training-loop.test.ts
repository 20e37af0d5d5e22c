/** The loop alone: a made-up step, whose one weight moves by the learning rate, and a made-up validation. */
import { describe, expect, test } from "vitest";
import type { StepGraph } from "../../autodiff/training-step.ts";
import { node } from "../../onnx/model.ts";
import type { StepRunner } from "./step-runner.ts";
import { initialState, keptOf, runTraining, type TrainerOptions, type TrainingState } from "./training-loop.ts";

const slot = { input: "w", output: "next", type: "float32", dims: [1] } as const;
const step: StepGraph = {
  graph: { name: "step", nodes: [node("Identity", ["w"], ["next"])], inputs: [], outputs: [], initializers: new Map() },
  batch: [],
  weights: [slot],
  state: [],
  carried: [],
  loss: "loss",
  gradientNorm: "norm",
};

const scored = (accuracy: number) => ({
  accuracy,
  logLoss: 1 - accuracy,
  losses: Array.from({ length: 10 }, (_, i) => (i < Math.round(10 * accuracy) ? 0 : 1)),
});

/**
 * Five steps an epoch; the loss is given by step, the accuracy by epoch, 0 being the probe: of ten examples so many lose nothing, and
 * the others one nat.
 */
function trainer(accuracies: readonly number[], lossOf = (number: number) => 1 / number) {
  const saved: TrainingState[] = [];
  let asked = 0;
  const run: StepRunner = async (held, _batch, learningRates, first) => ({
    losses: learningRates.map((_, index) => lossOf(first + index)),
    norms: learningRates.map(() => 1),
    held: new Map([["w", Float32Array.of(learningRates.reduce((sum, rate) => sum + rate, held.get("w")![0]!))]]),
  });
  const options: TrainerOptions = {
    step,
    run,
    feeds: () => ({}),
    batch: 2,
    epochs: accuracies.length - 1,
    stepsUntil: (epoch) => 5 * epoch,
    learningRate: 0.1,
    warmUp: 0.1,
    patience: 3,
    atOnce: 1,
    evaluate: async () => scored(accuracies[asked++]!),
    checkpoint: async (state) => {
      saved.push(state);
    },
  };
  const begin = () => initialState(step, new Map([["w", Float32Array.of(0)]]), options.evaluate);
  return { options, begin, saved };
}

describe("the training loop", () => {
  test("keeps the average of the last epochs, records every epoch, and writes a checkpoint after each except the last", async () => {
    const { options, begin, saved } = trainer([0.5, 0.6, 0.9, 0.8]);
    const ends: number[] = [];
    const run: StepRunner = async (...step) => {
      const stepped = await options.run(...step);
      if (step[3] % 5 === 0) ends.push(stepped.held.get("w")![0]!);
      return stepped;
    };
    const { state, stop } = await runTraining(await begin(), { ...options, run });
    expect(stop).toBeUndefined();
    expect(state.history.map(({ epoch, validationAccuracy }) => [epoch, validationAccuracy])).toEqual([
      [1, 0.6],
      [2, 0.9],
      [3, 0.8],
    ]);
    // One example of ten is no clear difference: the last average is kept, though the one before was judged better.
    expect(state.best).toMatchObject({ epoch: 2, accuracy: 0.9 });
    expect(keptOf(state)).toMatchObject({ epoch: 3, accuracy: 0.8 });
    expect(keptOf(state)!.weights.get("w")![0]).toBeCloseTo((ends[0]! + ends[1]! + ends[2]!) / 3, 6);
    expect(saved.map((one) => one.step)).toEqual([5, 10]);
    expect(state.history[0]!.loss).toBeCloseTo((1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5) / 5);
  });

  test("an average that was clearly better than the last is kept instead", async () => {
    const { options, begin } = trainer([0.5, 0.6, 1, 0.3]);
    const { state } = await runTraining(await begin(), options);
    expect(keptOf(state)).toMatchObject({ epoch: 2, accuracy: 1 });
  });

  test("a finished training does not continue, and logits are kept if they are given", async () => {
    const { options, begin } = trainer([0.5, 0.6, 0.9]);
    let epochs = 0;
    const evaluate = async () => ({ ...scored(0.5), logits: Float32Array.of(epochs++) });
    const from = await initialState(step, (await begin()).held, evaluate);
    const { state } = await runTraining(from, { ...options, evaluate });
    expect(state.logits.map(([first]) => first)).toEqual([0, 1, 2]);
    expect(state.last).not.toHaveProperty("logits");
    expect((await runTraining(state, options)).steps).toBe(0);
  });

  test("fewer examples than a batch: each step is validated, and none is empty", async () => {
    const { options, begin } = trainer([0.5, 0.6, 0.7, 0.8, 0.9]);
    // Four epochs of three examples, eight a step.
    const stepsUntil = (epoch: number): number => Math.ceil((3 * epoch) / 8);
    const { state } = await runTraining(await begin(), { ...options, epochs: 4, stepsUntil });
    expect(state.history.map(({ loss }) => loss)).toEqual([1, 1 / 2]);
    expect(state.last).toMatchObject({ accuracy: 0.7 });
  });

  test("a training that never beats the probe ends after the patience", async () => {
    const { options, begin } = trainer([0.9, 0.8, 0.7, 0.6, 0.5, 0.4]);
    const { state, stop } = await runTraining(await begin(), options);
    expect(state).toMatchObject({ improved: 0, best: { epoch: 1, accuracy: 0.8 } });
    expect(stop).toEqual({ kind: "patience", epoch: 3 });
  });

  test.each([
    ["not-finite", Number.NaN],
    ["not-finite", Number.POSITIVE_INFINITY],
    ["exploded", 50],
  ])("a loss that is %s (%d) stops it at once, with epoch and rate, keeping the best weights", async (kind, bad) => {
    const { options, begin } = trainer([0.5, 0.7, 0.8, 0.9], (number) => (number === 8 ? bad : 1));
    const { state, stop } = await runTraining(await begin(), options);
    expect(stop).toMatchObject({ kind, epoch: 2, loss: bad });
    expect(stop).toHaveProperty("learningRate");
    expect(state.step).toBe(7);
    expect(keptOf(state)).toMatchObject({ epoch: 1, accuracy: 0.7 });
  });

  test("`enough` ends it with the finished epochs, but not before the end of the first", async () => {
    for (const [at, epochs] of [
      [1, 1],
      [5, 1],
      [8, 1],
      [11, 2],
    ] as const) {
      const { options, begin } = trainer([0.5, 0.6, 0.9, 0.8]);
      const enough = new AbortController();
      const run: StepRunner = async (held, batch, rate, number) => {
        if (number === at) enough.abort();
        return options.run(held, batch, rate, number);
      };
      const { state, stop, interrupted } = await runTraining(await begin(), { ...options, run, enough: enough.signal });
      expect([stop, interrupted]).toEqual([{ kind: "enough", epoch: epochs }, false]);
      expect(state.history.length).toBe(epochs);
    }
  });

  test("interrupted after any step, it continues to exactly the same end", async () => {
    const { options, begin } = trainer([0.5, 0.6, 0.9, 0.8]);
    const whole = await runTraining(await begin(), options);
    for (const at of [1, 4, 5, 9, 14]) {
      const first = trainer([0.5, 0.6, 0.9, 0.8]);
      const controller = new AbortController();
      const run: StepRunner = async (held, batch, rate, number) => {
        if (number <= at && at < number + rate.length) controller.abort();
        return first.options.run(held, batch, rate, number);
      };
      const half = await runTraining(await first.begin(), { ...first.options, run, signal: controller.signal });
      expect(half.interrupted).toBe(true);
      const checkpoint = first.saved.at(-1)!;
      expect(checkpoint.step).toBe(at);
      const again = await runTraining(checkpoint, { ...first.options, atOnce: 2 });
      expect(again.state).toEqual(whole.state);
    }
  });

  test("any number of steps at once stays within an epoch and gives the same result", async () => {
    const accuracies = [0.5, 0.6, 0.9, 0.8];
    const { options, begin } = trainer(accuracies);
    const whole = await runTraining(await begin(), options);
    for (const atOnce of [2, 5, 100, undefined]) {
      const other = trainer(accuracies);
      const counts: number[] = [];
      const run: StepRunner = async (held, batch, rates, first) => {
        counts.push(rates.length);
        return other.options.run(held, batch, rates, first);
      };
      const outcome = await runTraining(await other.begin(), { ...other.options, run, atOnce });
      expect(outcome.state).toEqual(whole.state);
      expect(counts.reduce((sum, count) => sum + count)).toBe(15);
      if (atOnce === 2) expect(counts).toEqual([2, 2, 1, 2, 2, 1, 2, 2, 1]);
      else expect(Math.max(...counts)).toBeLessThanOrEqual(5);
    }
  });
});
