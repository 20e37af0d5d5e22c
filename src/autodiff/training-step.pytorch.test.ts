/** Losses, optimisers and the step as a whole, against PyTorch: bench/reference/training.py describes the values. */
import { describe, expect, test } from "vitest";
import { encodeModelWhole } from "../onnx/codec/write-model.ts";
import { elementCount, float32Tensor, type Graph, modelOf, node } from "../onnx/model.ts";
import { openSession, type RuntimeTensor } from "../onnx/session/session.ts";
import { measureShapes } from "../onnx/session/shapes.ts";
import type { Loss } from "./losses.ts";
import { binaryCrossEntropy, crossEntropy, huber, meanSquared } from "./losses.ts";
import type { Optimiser } from "./optimisers.ts";
import { adamW, sgd } from "./optimisers.ts";
import reference from "./training.reference.json" with { type: "json" };
import { type StepOptions, stepGraph } from "./training-step.ts";

interface Run {
  readonly name: string;
  readonly loss: { readonly kind: string; readonly labels: string; readonly delta?: number };
  readonly optimiser: { readonly kind: string };
  readonly rate: number;
  readonly clip: number | null;
  readonly average: number | null;
  readonly losses: readonly number[];
  readonly norms: readonly number[];
  readonly weight: readonly number[];
  readonly bias: readonly number[];
  readonly averageWeight: readonly number[] | null;
}

const wave = (dims: readonly number[], k: number): Float32Array =>
  Float32Array.from({ length: elementCount(dims) }, (_, i) => Math.sin(1.3 * i + 0.7 * k + 0.5));

const linear: Graph = {
  name: "linear",
  nodes: [node("Gemm", ["x", "weight", "bias"], ["logits"], { transB: 1 })],
  inputs: [{ name: "x", type: "float32", dims: ["N", 4] }],
  outputs: [{ name: "logits" }],
  initializers: new Map([
    ["weight", float32Tensor([3, 4], wave([3, 4], 1))],
    ["bias", float32Tensor([3], wave([3], 2))],
  ]),
};
const examples = { x: [6, 4] };

function shares(): Float32Array {
  const raw = wave([6, 3], 3).map((value) => Math.fround(value) + 1.5);
  return raw.map((value, i) => value / raw.subarray(i - (i % 3), i - (i % 3) + 3).reduce((a, b) => a + b));
}

const labels: Readonly<Record<string, RuntimeTensor>> = {
  classes: { dims: [6], data: BigInt64Array.of(0n, 2n, 1n, 2n, 2n, 0n) },
  probabilities: { dims: [6, 3], data: shares() },
  numbers: { dims: [6, 3], data: wave([6, 3], 4) },
};

function lossOf({ kind, delta, ...options }: Run["loss"]): Loss {
  if (kind === "crossEntropy") return crossEntropy(options as Parameters<typeof crossEntropy>[0]);
  if (kind === "binaryCrossEntropy") return binaryCrossEntropy(options as Parameters<typeof binaryCrossEntropy>[0]);
  return kind === "meanSquared" ? meanSquared : huber(delta);
}

const optimiserOf = ({ kind, ...options }: Run["optimiser"]): Optimiser =>
  kind === "adamW" ? adamW(options) : sgd(options);

/** Trains the linear layer; returns the loss of each step and the state after the last. */
async function train(options: StepOptions, target: RuntimeTensor, rate: number, steps: number) {
  const step = stepGraph(linear, await measureShapes(modelOf(linear), examples), options);
  const session = await openSession(encodeModelWhole(modelOf(step.graph)), { threads: 1 });
  const begin = (name: string): Float32Array => new Float32Array(linear.initializers.get(name)!.bytes.slice().buffer);
  const held = new Map<string, RuntimeTensor>();
  for (const { input, dims } of step.weights) held.set(input, { dims, data: begin(input) });
  for (const { input, dims, begins, parameter } of step.state) {
    const data = begins === "zero" ? new Float32Array(elementCount(dims)) : begin(parameter);
    held.set(input, { dims, data });
  }
  const said: { loss: number; norm: number }[] = [];
  for (let count = 1; count <= steps; count++) {
    const scalar = (value: number): RuntimeTensor => ({ dims: [], data: Float32Array.of(value) });
    const fed = {
      x: { dims: [6, 4], data: wave([6, 4], 0) },
      labels: target,
      learningRate: scalar(rate),
      step: scalar(count),
    };
    const wanted = Object.entries({ ...fed, ...Object.fromEntries(held) }).filter(([name]) =>
      session.inputs.includes(name),
    );
    const result = await session.run(Object.fromEntries(wanted));
    said.push({ loss: Number(result[step.loss]!.data[0]), norm: Number(result[step.gradientNorm]!.data[0]) });
    for (const { input, output } of [...step.weights, ...step.state]) held.set(input, result[output]!);
  }
  await session.close();
  const values = (name: string): number[] => Array.from(held.get(name)!.data, Number);
  return { said, values, step };
}

const bothTrainable = [
  { name: "weight", decays: true },
  { name: "bias", decays: false, rate: 0.5 },
];

function expectClose(values: readonly number[], wanted: readonly number[], what: string): void {
  for (const [i, value] of wanted.entries()) expect(Math.abs(values[i]! - value), `${what}[${i}]`).toBeLessThan(3e-6);
  expect(values.length).toBe(wanted.length);
}

describe("training agrees with PyTorch", () => {
  test.each(reference.cases as unknown as readonly Run[])("$name", async (run) => {
    const options: StepOptions = {
      prediction: "logits",
      loss: lossOf(run.loss),
      trainable: bothTrainable,
      optimiser: optimiserOf(run.optimiser),
      ...(run.clip === null ? {} : { longestGradient: run.clip }),
      ...(run.average === null ? {} : { averageDecay: run.average }),
    };
    const { said, values } = await train(options, labels[run.loss.labels]!, run.rate, run.losses.length);
    expectClose(
      said.map(({ loss }) => loss),
      run.losses,
      "loss",
    );
    expectClose(
      said.map(({ norm }) => norm),
      run.norms,
      "norm",
    );
    expectClose(values("weight"), run.weight, "weight");
    expectClose(values("bias"), run.bias, "bias");
    if (run.averageWeight) expectClose(values("state/average/weight"), run.averageWeight, "average");
  });
});

describe("a step graph", () => {
  const options: StepOptions = {
    prediction: "logits",
    loss: crossEntropy(),
    trainable: bothTrainable,
    optimiser: adamW(),
  };

  test("takes batch, rate, step, weights and state, and returns the loss and their next values", async () => {
    const { step } = await train(options, labels.classes!, 0.1, 1);
    expect(step.batch.map(({ name, dims }) => [name, dims])).toEqual([
      ["x", [6, 4]],
      ["labels", [6]],
    ]);
    expect(step.graph.inputs.map(({ name }) => name)).toEqual([
      "x",
      "labels",
      "learningRate",
      "step",
      "weight",
      "bias",
      "state/sum/weight",
      "state/squares/weight",
      "state/sum/bias",
      "state/squares/bias",
    ]);
    const slots = [...step.weights, ...step.state].map(({ output }) => output);
    expect(step.graph.outputs.map(({ name }) => name)).toEqual([step.loss, step.gradientNorm, "logits", ...slots]);
  });

  test("keeps frozen parameters constant and computes nothing for them", async () => {
    const frozen = { ...options, trainable: bothTrainable.slice(1), optimiser: sgd({ momentum: 0 }) };
    const { step, values } = await train(frozen, labels.classes!, 0.1, 2);
    expect(step.graph.initializers.has("weight")).toBe(true);
    expect(step.graph.inputs.map(({ name }) => name)).toEqual(["x", "labels", "learningRate", "bias"]);
    expect(step.graph.nodes.filter(({ op }) => op === "Gemm").length).toBe(1);
    expect(values("bias")).not.toEqual([...wave([3], 2)]);
  });

  test("updates what the forward pass replaces, such as running statistics", async () => {
    const network: Graph = {
      ...linear,
      nodes: [
        node("BatchNormalization", ["x", "one", "zero", "mean", "variance"], ["n", "nextMean", "nextVariance"], {
          training_mode: 1,
        }),
        node("Gemm", ["n", "weight", "bias"], ["logits"], { transB: 1 }),
      ],
      initializers: new Map([
        ...linear.initializers,
        ...["one", "variance"].map((name) => [name, float32Tensor([4], [1, 1, 1, 1])] as const),
        ...["zero", "mean"].map((name) => [name, float32Tensor([4], [0, 0, 0, 0])] as const),
      ]),
    };
    const carried = [
      { name: "mean", next: "nextMean" },
      { name: "variance", next: "nextVariance" },
    ];
    const step = stepGraph(network, await measureShapes(modelOf(network), examples), { ...options, carried });
    expect(step.carried).toEqual([
      { input: "mean", output: "nextMean", type: "float32", dims: [4] },
      { input: "variance", output: "nextVariance", type: "float32", dims: [4] },
    ]);
    expect(step.graph.initializers.has("mean")).toBe(false);
    await (await openSession(encodeModelWhole(modelOf(step.graph)))).close();
  });

  test("names parameters and tensors that the network lacks", async () => {
    const shapes = await measureShapes(modelOf(linear), examples);
    const nope = { ...options, trainable: [{ name: "nope", decays: true }] };
    expect(() => stepGraph(linear, shapes, nope)).toThrow('no parameter "nope" to train');
    expect(() => stepGraph(linear, shapes, { ...options, prediction: "odd" })).toThrow('no tensor "odd"');
    const taken = new Map([...shapes, ["labels", { type: "float32", dims: [1] }] as const]);
    expect(() => stepGraph(linear, taken, options)).toThrow('has a tensor "labels"');
  });

  test("losses and optimisers refuse meaningless options", async () => {
    expect(() => crossEntropy({ labelSmoothing: 1.5 })).toThrow("within 0 … 1, not 1.5");
    expect(() => huber(0)).toThrow("positive, not 0");
    expect(() => sgd({ momentum: 0, nesterov: true })).toThrow("needs momentum");
    expect(() => adamW({ betas: [0.9, 1] })).toThrow("not 1");
    const shapes = await measureShapes(modelOf(linear), examples);
    const odd = { ...options, loss: crossEntropy({ classWeights: [1, 2] }) };
    expect(() => stepGraph(linear, shapes, odd)).toThrow("2 class weights for 3 classes");
  });
});
