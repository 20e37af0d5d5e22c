/** A short training of a whole network, batch norm by the batch's own statistics, and its score with the running ones. */
import { crossEntropy } from "../../src/autodiff/losses.ts";
import { cosineRate, sgd } from "../../src/autodiff/optimisers.ts";
import { stepGraph } from "../../src/autodiff/training-step.ts";
import type { Random } from "../../src/base/random.ts";
import { encodeModelWhole } from "../../src/onnx/codec/write-model.ts";
import { asFloat32, elementCount, float32Tensor, type Model, modelOf } from "../../src/onnx/model.ts";
import { cutGraph } from "../../src/onnx/passes/cut-and-merge.ts";
import { openSession, type RuntimeTensor } from "../../src/onnx/session/session.ts";
import { measureShapes } from "../../src/onnx/session/shapes.ts";

/** Prepared images, `[3, S, S]` each, with their classes. */
export interface Examples {
  readonly pixels: readonly Float32Array[];
  readonly labels: readonly number[];
}

export interface Outcome {
  /** Mean loss of the last tenth of the steps; not a number where it exploded. */
  readonly loss: number;
  /** Share of test examples named right. */
  readonly accuracy: number;
}

export interface Recipe {
  readonly steps: number;
  readonly batch: number;
  readonly peak: number;
  /** The longest that all gradients together may be. */
  readonly clip: number;
}

/**
 * Trains every floating-point parameter of a model with SGD, momentum 0.9, on the
 * tensor `logits` (more outputs than classes do no harm).
 */
export async function train(
  model: Model,
  logits: string,
  learn: Examples,
  test: Examples,
  { steps, batch, peak, clip }: Recipe,
  random: Random,
): Promise<Outcome> {
  const input = model.graph.inputs[0]!.name;
  const dims = [batch, 3, ...sides(learn)];
  const graph = training({ ...model, graph: cutGraph(model.graph, [{ name: logits, type: "float32" }]) });
  const shapes = await measureShapes(graph.model, { [input]: dims });
  const trainable = graph.learned.map((name) => ({ name, decays: shapes.get(name)!.dims.length > 1 }));
  const optimiser = sgd({ weightDecay: 1e-4 });
  const step = stepGraph(graph.model.graph, shapes, {
    prediction: logits,
    loss: crossEntropy(),
    trainable,
    optimiser,
    longestGradient: clip,
    carried: graph.carried,
  });
  const slots = [...step.weights, ...step.state, ...step.carried];
  const session = await openSession(encodeModelWhole(modelOf(step.graph)));
  let held: Record<string, RuntimeTensor> = Object.fromEntries(
    slots.map((slot) => [slot.input, { dims: slot.dims, data: begin(model, slot.input, slot.dims) }]),
  );
  const losses: number[] = [];
  let order: number[] = [];
  for (let at = 1; at <= steps; at++) {
    if (order.length < batch) order = random.shuffle(learn.labels.map((_, i) => i));
    const fed = feed(learn, order.splice(0, batch), dims);
    const rate = cosineRate(at, { peak, steps, warmUp: Math.ceil(steps / 10) });
    const result = await session.run({
      ...held,
      [input]: fed.pixels,
      labels: fed.labels,
      learningRate: { dims: [], data: Float32Array.of(rate) },
      ...(step.graph.inputs.some(({ name }) => name === "step")
        ? { step: { dims: [], data: Float32Array.of(at) } }
        : {}),
    });
    held = Object.fromEntries(slots.map((slot) => [slot.input, result[slot.output]!]));
    losses.push((result[step.loss]!.data as Float32Array)[0]!);
    if (!Number.isFinite(losses.at(-1)!)) break;
  }
  await session.close();
  const last = losses.slice(-Math.ceil(steps / 10));
  const loss = last.reduce((sum, value) => sum + value, 0) / last.length;
  return { loss, accuracy: await accuracy(model, logits, held, test, dims) };
}

const sides = ({ pixels }: Examples): number[] => {
  const side = Math.sqrt(pixels[0]!.length / 3);
  return [side, side];
};

const begin = (model: Model, name: string, dims: readonly number[]): Float32Array => {
  const held = model.graph.initializers.get(name);
  return held ? asFloat32(held).slice() : new Float32Array(elementCount(dims));
};

/** The model with batch norm by the batch's own statistics; what learns, and what is carried on. */
function training(model: Model) {
  const running = new Set<string>();
  const carried: { name: string; next: string }[] = [];
  const nodes = model.graph.nodes.map((node) => {
    if (node.op !== "BatchNormalization") return node;
    const next = node.inputs.slice(3).map((name) => `${name}/next`);
    node.inputs.slice(3).forEach((name, i) => {
      running.add(name);
      carried.push({ name, next: next[i]! });
    });
    const attributes = { ...node.attributes, training_mode: { type: "int", value: 1 } as const };
    return { ...node, outputs: [node.outputs[0]!, ...next], attributes };
  });
  const weights = new Set(
    nodes.flatMap(({ op, inputs }) =>
      ["Conv", "Gemm", "MatMul", "BatchNormalization"].includes(op) ? inputs.slice(1) : [],
    ),
  );
  const learned = [...model.graph.initializers.keys()].filter((name) => weights.has(name) && !running.has(name));
  return { model: { ...model, graph: { ...model.graph, nodes } }, learned, carried };
}

function feed({ pixels, labels }: Examples, chosen: readonly number[], dims: readonly number[]) {
  const size = pixels[0]!.length;
  const data = new Float32Array(chosen.length * size);
  chosen.forEach((example, i) => {
    data.set(pixels[example]!, i * size);
  });
  return {
    pixels: { dims: [chosen.length, ...dims.slice(1)], data },
    labels: { dims: [chosen.length], data: BigInt64Array.from(chosen, (example) => BigInt(labels[example]!)) },
  };
}

/** The score in inference mode, with the learned values and the running statistics. */
async function accuracy(
  model: Model,
  logits: string,
  held: Readonly<Record<string, RuntimeTensor>>,
  test: Examples,
  dims: readonly number[],
): Promise<number> {
  const initializers = new Map(model.graph.initializers);
  for (const name of initializers.keys()) {
    const value = held[name];
    if (value) initializers.set(name, float32Tensor(value.dims, value.data as Float32Array));
  }
  const graph = cutGraph({ ...model.graph, initializers }, [{ name: logits, type: "float32" }]);
  const session = await openSession(encodeModelWhole({ ...model, graph }));
  let right = 0;
  for (let from = 0; from < test.labels.length; from += dims[0]!) {
    const chosen = test.labels.slice(from, from + dims[0]!).map((_, i) => from + i);
    const result = await session.run({ [model.graph.inputs[0]!.name]: feed(test, chosen, dims).pixels });
    const values = result[logits]!.data as Float32Array;
    const classes = values.length / chosen.length;
    chosen.forEach((example, i) => {
      const row = values.subarray(i * classes, (i + 1) * classes);
      if (row.indexOf(Math.max(...row)) === test.labels[example]) right++;
    });
  }
  await session.close();
  return right / test.labels.length;
}
