import { describe, expect, test } from "vitest";
import { float32Tensor, type Graph, int64Tensor, type Node, node } from "../model.ts";
import { foldConstants } from "../passes/simplify.ts";
import { dataflow, linksOf } from "./dataflow.ts";

const graphOf = (nodes: Node[], output = nodes.at(-1)!.outputs[0]!): Graph => ({
  name: "g",
  nodes,
  inputs: [{ name: "x", type: "float32", dims: [1, 4] }],
  outputs: [{ name: output }],
  initializers: new Map([
    ["w", float32Tensor([4, 4], new Float32Array(16))],
    ["axis", int64Tensor([1], [0])],
  ]),
});

describe("dataflow", () => {
  const flow = dataflow(
    graphOf([
      node("Mul", ["product", "size"], ["y"]),
      node("MatMul", ["x", "turned"], ["product"]),
      node("Transpose", ["w"], ["turned"]),
      node("Shape", ["x"], ["shape"]),
      node("Cast", ["shape"], ["size"], { to: 1 }),
      node("RandomNormal", [], ["noise"], { shape: [1] }),
    ]),
  );

  test("distinguishes constants, what depends on shapes, and what depends on the image", () => {
    const kinds = ["w", "turned", "shape", "size", "x", "product", "y", "noise"].map(flow.dependence);
    expect(kinds).toEqual(["nothing", "nothing", "shapes", "shapes", "values", "values", "values", "values"]);
    expect(flow.data(flow.nodes.find(({ op }) => op === "Mul")!)).toEqual(["product"]);
  });

  test("orders nodes, and refuses a cycle", () => {
    expect(flow.nodes.map(({ op }) => op).indexOf("MatMul")).toBeLessThan(
      flow.nodes.map(({ op }) => op).indexOf("Mul"),
    );
    expect(() => dataflow(graphOf([node("Neg", ["b"], ["a"]), node("Neg", ["a"], ["b"])]))).toThrow("cyclic");
  });
});

describe("foldConstants", () => {
  const constant = (name: string, values: number[]): Node =>
    node("Constant", [], [name], { value: { type: "tensor", value: float32Tensor([values.length], values) } });

  test("Constant nodes become initializers; readers of their Identities use the first name", () => {
    const folded = foldConstants(
      graphOf([
        constant("c", [1, 2, 3, 4]),
        node("Constant", [], ["shape"], { value_ints: [1, -1] }),
        node("Identity", ["c"], ["d"]),
        node("Identity", ["d"], ["e"]),
        node("Mul", ["x", "e"], ["m"]),
        node("Reshape", ["m", "shape"], ["y"]),
      ]),
    );
    expect(folded.nodes.map(({ op, inputs }) => [op, ...inputs])).toEqual([
      ["Mul", "x", "c"],
      ["Reshape", "m", "shape"],
    ]);
    expect([...folded.initializers.keys()]).toEqual(["w", "axis", "c", "shape"]);
    expect(folded.initializers.get("shape")).toEqual(int64Tensor([2], [1, -1]));
  });

  test("outputs of the graph, and tensors that a subgraph captures, keep their names", () => {
    const branch = { ...graphOf([node("Neg", ["d"], ["n"])]), inputs: [], initializers: new Map() };
    const nodes = [
      constant("c", [1, 2, 3, 4]),
      node("Identity", ["c"], ["d"]),
      { ...node("If", ["x"], ["z"]), attributes: { then_branch: { type: "graph" as const, value: branch } } },
      node("Identity", ["c"], ["y"]),
    ];
    const folded = foldConstants(graphOf(nodes));
    expect(folded.nodes.map(({ op }) => op)).toEqual(["If", "Identity"]);
    expect(folded.initializers.has("d")).toBe(true);
  });
});

describe("linksOf", () => {
  test("a residual block is one link; nodes that prepare weights and shapes belong to their reader's", () => {
    const graph = graphOf([
      node("Relu", ["x"], ["r"]),
      node("Transpose", ["w"], ["turned"]),
      node("MatMul", ["r", "turned"], ["m"]),
      node("Shape", ["x"], ["shape"]),
      node("Reshape", ["m", "shape"], ["s"]),
      node("Add", ["s", "r"], ["a"]),
      node("Neg", ["a"], ["y"]),
    ]);
    expect(linksOf(graph, "y").map(({ nodes, output }) => [output, nodes.map(({ op }) => op)])).toEqual([
      ["r", ["Relu"]],
      ["a", ["Transpose", "MatMul", "Shape", "Reshape", "Add"]],
      ["y", ["Neg"]],
    ]);
  });

  test("a graph whose every node reads the input has no place to cut", () => {
    const graph = graphOf([node("Relu", ["x"], ["r"]), node("Add", ["r", "x"], ["y"])]);
    expect(linksOf(graph, "y").map(({ output }) => output)).toEqual(["y"]);
  });
});
