import { describe, expect, test } from "vitest";
import { inTopologicalOrder, lookup } from "./analysis/dataflow.ts";
import { encodeModelWhole } from "./codec/write-model.ts";
import { float32Tensor, type Graph, type Model, modelOf, node } from "./model.ts";
import { attach, cutGraph, renameTensors } from "./passes/cut-and-merge.ts";
import { raiseOpset } from "./passes/raise-opset.ts";
import { openSession } from "./session/session.ts";

const graph: Graph = {
  name: "g",
  nodes: [
    node("Mul", ["x", "two"], ["doubled"]),
    node("Add", ["doubled", "one"], ["y"]),
    node("Neg", ["doubled"], ["unused"]),
  ],
  inputs: [{ name: "x", type: "float32", dims: [2] }],
  outputs: [{ name: "y", type: "float32", dims: [2] }],
  initializers: new Map([
    ["two", float32Tensor([], [2])],
    ["one", float32Tensor([], [1])],
  ]),
};

async function run(model: Model, data: number[]): Promise<number[]> {
  const session = await openSession(encodeModelWhole(model), { threads: 1 });
  const result = await session.run({ x: { dims: [data.length], data: Float32Array.from(data) } });
  await session.close();
  return Object.values(result).flatMap(({ data: values }) => [...(values as Float32Array)]);
}

describe("graph", () => {
  test("a cut keeps what is needed and drops the rest", async () => {
    const cut = cutGraph(graph, [{ name: "doubled", type: "float32", dims: [2] }]);
    expect(cut.nodes.map(({ op }) => op)).toEqual(["Mul"]);
    expect([...cut.initializers.keys()]).toEqual(["two"]);
    expect(await run(modelOf(cut), [3, -1])).toEqual([6, -2]);
  });

  test("a cut at a missing tensor says how to find one", () => {
    expect(() => cutGraph(graph, [{ name: "nope", type: "float32" }])).toThrow('no tensor "nope"');
  });

  test("a cyclic graph is refused, a deep one works", () => {
    const cycle = [node("Neg", ["b"], ["a"]), node("Neg", ["a"], ["b"])];
    expect(() => inTopologicalOrder(cycle)).toThrow("cyclic");
    const deep = Array.from({ length: 20_000 }, (_, i) => node("Neg", [`t${i}`], [`t${i + 1}`]));
    expect(inTopologicalOrder(deep.toReversed()).map(({ name }) => name)).toEqual(deep.map(({ name }) => name));
  });

  test("renamed and attached graphs compute one after the other", async () => {
    const first = renameTensors(graph, (name) => (name === "x" ? "x" : `a/${name}`));
    const second = {
      name: "second",
      nodes: [node("Neg", ["a/y"], ["negated"])],
      inputs: [{ name: "a/y", type: "float32" as const }],
      outputs: [{ name: "negated", type: "float32" as const, dims: [2] }],
      initializers: new Map(),
    };
    const joined = attach(first, second, [{ name: "a/doubled", type: "float32", dims: [2] }]);
    expect(await run(modelOf(joined), [3, 0])).toEqual([-7, -1, 6, 0]);
    expect(() => attach(first, { ...second, inputs: [{ name: "q", type: "float32" }] })).toThrow("lacks");
    expect(() => attach(joined, second)).toThrow('define "negated"');
  });

  test("producers and consumers include those inside subgraphs", () => {
    const inner = { ...graph, nodes: [node("Neg", ["doubled"], ["n"])] };
    const branching = {
      ...graph,
      nodes: [
        ...graph.nodes,
        { ...node("If", ["y"], ["z"]), attributes: { then_branch: { type: "graph" as const, value: inner } } },
      ],
    };
    const found = lookup(branching);
    expect(found.producer("doubled")?.op).toBe("Mul");
    expect(found.consumers("doubled").map(({ op }) => op)).toEqual(["Add", "Neg", "If"]);
  });

  test("old forms are upgraded to forms of the same meaning", async () => {
    const old: Model = {
      irVersion: 5,
      opsets: new Map([["", 9]]),
      metadata: new Map(),
      graph: {
        ...graph,
        nodes: [
          {
            ...node("Clip", ["x"], ["c"]),
            attributes: { min: { type: "float", value: -1 }, max: { type: "float", value: 6 } },
          },
          { ...node("Unsqueeze", ["c"], ["u"]), attributes: { axes: { type: "ints", value: [0] } } },
          {
            ...node("ReduceMean", ["u"], ["m"]),
            attributes: { axes: { type: "ints", value: [1] }, keepdims: { type: "int", value: 0 } },
          },
          { ...node("Dropout", ["m"], ["y"]), attributes: { ratio: { type: "float", value: 0.5 } } },
        ],
        outputs: [{ name: "y", type: "float32", dims: [1] }],
        initializers: new Map(),
      },
    };
    const raised = raiseOpset(old);
    expect(raised.opsets.get("")).toBe(18);
    expect(await run(raised, [-5, 10])).toEqual([2.5]);
    expect(await run(old, [-5, 10])).toEqual([2.5]);
  });
});
