/**
 * Whole networks, forward and backward: the gradient of every parameter in a training step, against PyTorch's.
 * bench/reference/network_gradients.py writes the values and describes what it keeps of a gradient.
 */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { crossEntropy } from "../../autodiff/losses.ts";
import { sgd } from "../../autodiff/optimisers.ts";
import { stepGraph } from "../../autodiff/training-step.ts";
import { encodeModelWhole } from "../../onnx/codec/write-model.ts";
import { asFloat32, elementCount, type Model, modelOf, type Node } from "../../onnx/model.ts";
import { openSession } from "../../onnx/session/session.ts";
import { measureShapes } from "../../onnx/session/shapes.ts";
import { define } from "./architecture-registry.ts";
import type { Definition } from "./definition.ts";
import { numbersOf, parityModel } from "./testing.ts";

interface Case {
  readonly architecture: string;
  readonly inputSize: number;
  readonly gain: number;
  /** Whether batch norm uses the batch's own mean and variance. */
  readonly batchStatistics: boolean;
  /** Which images: `image.${batch}` by the rule. */
  readonly batch: number;
  readonly classes: number;
  /** One for each image. */
  readonly labels: readonly number[];
  readonly loss: number;
  readonly gradients: Readonly<Record<string, Kept>>;
}

/** What is kept of a gradient: its norm, and its products with random vectors of unit variance, relative to the norm. */
interface Kept {
  readonly norm: number;
  readonly products: readonly number[];
}

const path = new URL("fixtures/gradients.json", import.meta.url);
const cases = JSON.parse(readFileSync(path, "utf8")) as readonly Case[];

/** Relative to the length of PyTorch's gradient. */
const TOLERANCE = 1e-3;

describe("gradients of whole networks", () => {
  it.each(cases.map((of) => [`${of.architecture}${of.batchStatistics ? ", by batch statistics" : ""}`, of] as const))(
    "%s",
    async (_, of) => {
      const { architecture, inputSize, classes } = of;
      const definition = define(architecture, { inputSize, classes });
      const { loss, gradients } = await measure(definition, of);
      expect(Math.abs(loss / of.loss - 1), `loss ${loss}, not ${of.loss}`).toBeLessThan(1e-5);
      expect([...gradients.keys()].sort()).toEqual(Object.keys(of.gradients).sort());
      const apart = [...gradients].map(([name, gradient]) => ({
        name,
        by: distance(name, gradient, of.gradients[name]!),
      }));
      const [worst] = apart.sort((a, b) => b.by - a.by);
      expect(worst!.by, `${worst!.name} and PyTorch's, relative to its norm`).toBeLessThan(TOLERANCE);
    },
  );
});

/** The loss of the batch, and every parameter's gradient: the momentum after a first step of descent. */
async function measure(definition: Definition, { inputSize, gain, batchStatistics, batch, labels }: Case) {
  const whole = parityModel(definition, ["logits"], gain);
  const model = batchStatistics ? withBatchStatistics(whole) : whole;
  const dims = [labels.length, 3, inputSize, inputSize];
  const images = { dims, data: numbersOf(`image.${batch}`, elementCount(dims), 1, 0) };
  const learned = [...definition.parameters].filter(([, { role }]) => role !== "running").map(([name]) => name);
  const step = stepGraph(model.graph, await measureShapes(model, { image: images.dims }), {
    prediction: "logits",
    loss: crossEntropy(),
    trainable: learned.map((name) => ({ name, decays: false })),
    optimiser: sgd({ momentum: 0.5, nesterov: false }),
  });
  const session = await openSession(encodeModelWhole(modelOf(step.graph)));
  try {
    const weights = step.weights.map(({ input, dims }) => {
      return [input, { dims, data: asFloat32(model.graph.initializers.get(input)!) }] as const;
    });
    const state = step.state.map(({ input, dims }) => [input, { dims, data: new Float32Array(dims[0]!) }] as const);
    const result = await session.run(
      {
        image: images,
        labels: { dims: [labels.length], data: BigInt64Array.from(labels, BigInt) },
        learningRate: { dims: [], data: Float32Array.of(0) },
        ...Object.fromEntries([...weights, ...state]),
      },
      [step.loss, ...step.state.map(({ output }) => output)],
    );
    const gradients = new Map(
      step.state.map(({ parameter, output }) => [parameter, result[output]!.data as Float32Array]),
    );
    return { loss: Number(result[step.loss]!.data[0]), gradients };
  } finally {
    await session.close();
  }
}

/** The model with batch norm as in training from scratch. */
function withBatchStatistics(model: Model): Model {
  const trained = (node: Node): Node =>
    node.op === "BatchNormalization"
      ? {
          ...node,
          outputs: [node.outputs[0]!, ...node.inputs.slice(3).map((name) => `${name}/next`)],
          attributes: { ...node.attributes, training_mode: { type: "int", value: 1 } },
        }
      : node;
  return { ...model, graph: { ...model.graph, nodes: model.graph.nodes.map(trained) } };
}

/**
 * The distance of a gradient from PyTorch's, relative to the latter's norm: the larger of the difference of their norms and of the
 * distance that their products with the random vectors show.
 */
function distance(name: string, gradient: Float32Array, { norm, products }: Kept): number {
  const differences = products.map((product, k) => {
    const probe = numbersOf(`${name}/probe.${k}`, gradient.length, Math.sqrt(3), 0);
    return dot(probe, gradient) / norm - product;
  });
  const apart = Math.sqrt(differences.reduce((sum, difference) => sum + difference ** 2, 0) / products.length);
  return Math.max(Math.abs(Math.sqrt(dot(gradient, gradient)) / norm - 1), apart);
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}
