import { describe, expect, test } from "vitest";
import { createRandom } from "../../base/random.ts";
import { encodeModelWhole } from "../../onnx/codec/write-model.ts";
import { float, float32Tensor, type Graph, modelOf, node } from "../../onnx/model.ts";
import { openSession } from "../../onnx/session/session.ts";
import { measureShapes } from "../../onnx/session/shapes.ts";
import { gradients, type Shapes } from "../gradients.ts";
import { between, normal } from "../testing.ts";
import { foldNorms } from "./prepare.ts";

const random = createRandom(5);
const tensor = (dims: readonly number[], low = -1, high = 1) =>
  float32Tensor(dims, between(random, dims, low, high).values);

/** Two convolutions with norms, the first without a bias and strided, the second grouped. */
const network: Graph = {
  name: "norms",
  nodes: [
    node("Conv", ["x", "w1"], ["c1"], { strides: [2, 2], pads: [1, 1, 1, 1] }),
    node("BatchNormalization", ["c1", "g1", "b1", "m1", "v1"], ["n1"], { epsilon: float(0.01) }),
    node("Sigmoid", ["n1"], ["a1"]),
    node("Conv", ["a1", "w2", "k2"], ["c2"], { group: 2 }),
    node("BatchNormalization", ["c2", "g2", "b2", "m2", "v2"], ["n2"]),
    node("Mul", ["n2", "weight"], ["weighted"]),
    node("ReduceSum", ["weighted"], ["loss"], { keepdims: 0 }),
  ],
  inputs: [{ name: "x", type: "float32", dims: [2, 3, 5, 5] }],
  outputs: [{ name: "loss" }],
  initializers: new Map([
    ["w1", tensor([4, 3, 3, 3])],
    ["w2", tensor([6, 2, 1, 1])],
    ["k2", tensor([6])],
    ["weight", tensor([2, 6, 3, 3])],
    ...[1, 2].flatMap((i) => {
      const channels = i === 1 ? 4 : 6;
      const three = ["g", "b", "m"].map((name) => [`${name}${i}`, tensor([channels])] as const);
      return [...three, [`v${i}`, tensor([channels], 0.5, 2)] as const];
    }),
  ]),
};
const parameters = ["w1", "g1", "b1", "w2", "k2", "g2", "b2"];
const x = { dims: [2, 3, 5, 5], data: Float32Array.from(normal(random, [2, 3, 5, 5]).values) };

async function results(graph: Graph, shapes: Shapes): Promise<Map<string, number[]>> {
  const differentiated = gradients(graph, shapes, "loss", parameters);
  const session = await openSession(encodeModelWhole(modelOf(differentiated.graph)), { threads: 1 });
  const yielded = await session.run({ x });
  await session.close();
  const values = (name: string): number[] => Array.from(yielded[name]!.data, Number);
  return new Map([
    ["loss", values("loss")],
    ...parameters.map((name) => [name, values(differentiated.gradientOf.get(name)!)] as const),
  ]);
}

const norms = (graph: Graph): number => graph.nodes.filter(({ op }) => op === "BatchNormalization").length;

describe("foldNorms", () => {
  test("leaves the loss and every gradient as they were", async () => {
    const shapes = await measureShapes(modelOf(network), { x: x.dims });
    const folded = foldNorms(network, shapes, new Set(parameters));
    expect(norms(folded.graph)).toBe(0);
    const before = await results(network, shapes);
    const after = await results(folded.graph, folded.shapes);
    for (const [name, values] of before) {
      expect(after.get(name)!.length).toBe(values.length);
      for (const [i, value] of values.entries()) expect(after.get(name)![i], name).toBeCloseTo(value, 4);
    }
  });

  test("leaves frozen convolutions, the batch's own statistics, and outputs that others read", async () => {
    const shapes = await measureShapes(modelOf(network), { x: x.dims });
    expect(norms(foldNorms(network, shapes, new Set(["w2"])).graph)).toBe(1);
    expect(norms(foldNorms({ ...network, outputs: [{ name: "c1" }] }, shapes, new Set(parameters)).graph)).toBe(1);
    const training = network.nodes.map((n) =>
      n.op === "BatchNormalization" ? { ...n, attributes: { training_mode: { type: "int" as const, value: 1 } } } : n,
    );
    expect(norms(foldNorms({ ...network, nodes: training }, shapes, new Set(parameters)).graph)).toBe(2);
    const read = [...network.nodes, node("Neg", ["c2"], ["other"])];
    expect(norms(foldNorms({ ...network, nodes: read }, shapes, new Set(parameters)).graph)).toBe(1);
  });
});
