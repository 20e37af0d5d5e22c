import { describe, expect, test } from "vitest";
import { createRandom } from "../base/random.ts";
import { float32Tensor, type Graph, node, type TensorShape } from "../onnx/model.ts";
import { gradients, type Shapes } from "./gradients.ts";
import { expectGradient, normal } from "./testing.ts";

const four = { type: "float32", dims: [4] } as const;
const scalar = { type: "float32", dims: [] } as const;

const chain: Graph = {
  name: "chain",
  nodes: [
    node("Mul", ["x", "frozen"], ["a"]),
    node("Mul", ["a", "w"], ["b"]),
    node("Exp", ["b"], ["c"]),
    node("ReduceSum", ["c"], ["loss"], { keepdims: 0 }),
  ],
  inputs: [{ name: "x", ...four }],
  outputs: [{ name: "loss", ...scalar }],
  initializers: new Map([
    ["w", float32Tensor([4], [1, 2, 3, 4])],
    ["frozen", float32Tensor([4], [1, 1, 1, 1])],
  ]),
};
const shapes: Shapes = new Map<string, TensorShape>([
  ...["x", "frozen", "w", "a", "b", "c"].map((name) => [name, four] as const),
  ["loss", scalar],
]);

describe("gradients", () => {
  test("are computed only between the parameters and the loss", () => {
    const { graph, gradientOf } = gradients(chain, shapes, "loss", ["w"]);
    const added = graph.nodes.slice(chain.nodes.length);
    // Through ReduceSum, Exp and the second Mul; nothing towards x or the frozen factor.
    expect(added.map(({ op }) => op)).toEqual(["Reshape", "Expand", "Mul", "Mul"]);
    expect([...gradientOf.keys()]).toEqual(["w"]);
    expect(graph.outputs.map(({ name }) => name)).toEqual(["loss", gradientOf.get("w")]);
    expect(gradients(chain, shapes, "loss", ["w", "frozen", "x"]).graph.nodes.length).toBeGreaterThan(
      graph.nodes.length,
    );
  });

  test("an operator without a rule is refused by node and name, but only if a gradient must pass through it", () => {
    const strange = {
      ...chain,
      nodes: chain.nodes.map((n) => (n.op === "Exp" ? { ...n, op: "Det", name: "odd" } : n)),
    };
    expect(() => gradients(strange, shapes, "loss", ["w"])).toThrow('Node "odd" (Det) has no gradient rule');
    const before = { ...chain, nodes: [node("Det", ["x"], ["a"]), ...chain.nodes.slice(1)] };
    expect(gradients(before, shapes, "loss", ["w"]).gradientOf.size).toBe(1);
    expect(() => gradients(before, shapes, "loss", ["x"])).toThrow('Node "a" (Det)');
  });

  test("a parameter on which the loss does not depend is refused, as is a loss of several values", () => {
    const stopped = { ...chain, nodes: chain.nodes.map((n) => (n.op === "Exp" ? { ...n, op: "Floor" } : n)) };
    expect(() => gradients(stopped, shapes, "loss", ["w"])).toThrow('does not depend on parameter "w"');
    expect(() => gradients(chain, shapes, "c", ["w"])).toThrow('The loss "c" has shape [4], not one value');
  });

  test("a type in which Graft does not differentiate is refused", () => {
    const half = new Map([...shapes].map(([name, { dims }]) => [name, { type: "float16", dims }] as const));
    expect(() => gradients(chain, half, "loss", ["w"])).toThrow("the network computes in float16");
  });

  test("names of new nodes say whose gradient they are, and are unique", () => {
    const taken = { ...chain, nodes: [...chain.nodes, node("Neg", ["c"], ["gradient/b/Mul"])] };
    const { graph } = gradients(taken, new Map([...shapes, ["gradient/b/Mul", four]]), "loss", ["w"]);
    const names = graph.nodes.flatMap(({ outputs }) => outputs);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain("gradient/b/Mul.2");
  });

  test("a residual block with every kind of layer: convolution, norm, activation, skip, pooling, dense", async () => {
    const random = createRandom(3);
    await expectGradient({
      nodes: [
        node("Conv", ["x", "w1"], ["c1"], { pads: [1, 1, 1, 1] }),
        node("BatchNormalization", ["c1", "s", "b", "m", "v"], ["n1"]),
        node("Sigmoid", ["n1"], ["gate"]),
        node("Mul", ["n1", "gate"], ["swish"]),
        node("Conv", ["swish", "w2"], ["c2"], { pads: [1, 1, 1, 1], group: 4 }),
        node("Add", ["c2", "c1"], ["sum"]),
        node("GlobalAveragePool", ["sum"], ["pooled"]),
        node("Flatten", ["pooled"], ["flat"]),
        node("Gemm", ["flat", "w3", "b3"], ["y"], { transB: 1 }),
      ],
      variables: {
        x: normal(random, [2, 3, 5, 5]),
        w1: normal(random, [4, 3, 3, 3], 0.3),
        s: normal(random, [4]),
        b: normal(random, [4]),
        w2: normal(random, [4, 1, 3, 3], 0.3),
        w3: normal(random, [3, 4]),
        b3: normal(random, [3]),
      },
      constants: { m: float32Tensor([4], [0, 0.1, 0.2, 0.3]), v: float32Tensor([4], [1, 2, 0.5, 1]) },
    });
  });
});
