import { expect, test } from "vitest";
import { createRandom } from "../../base/random.ts";
import { encodeModelWhole } from "../codec/write-model.ts";
import { float32Tensor, type Graph, modelOf, node } from "../model.ts";
import { openSession } from "../session/session.ts";
import { quantise, type Range, rangesWanted } from "./quantise-graph.ts";

const random = createRandom(5);
const noise = (dims: number[], scale: number) =>
  float32Tensor(
    dims,
    Float32Array.from({ length: dims.reduce((a, b) => a * b, 1) }, () => scale * (2 * random.next() - 1)),
  );

/** A residual block with ReLU after both of its ends, a depthwise convolution with an upper bound, pooling, a linear layer. */
const graph: Graph = {
  name: "block",
  nodes: [
    node("Conv", ["x", "a", "aBias"], ["t1"], { pads: [1, 1, 1, 1] }),
    node("Relu", ["t1"], ["t2"]),
    node("Conv", ["t2", "b"], ["t3"], { pads: [1, 1, 1, 1] }),
    node("Add", ["t3", "t2"], ["t4"]),
    node("Relu", ["t4"], ["t5"]),
    node("MaxPool", ["t5"], ["t6"], { kernel_shape: [2, 2], strides: [2, 2] }),
    node("Conv", ["t6", "d", "dBias"], ["t7"], { group: 8, pads: [1, 1, 1, 1] }),
    node("Clip", ["t7", "zero", "six"], ["t8"]),
    node("GlobalAveragePool", ["t8"], ["t9"]),
    node("Flatten", ["t9"], ["t10"], { axis: 1 }),
    node("Gemm", ["t10", "g", "gBias"], ["y"]),
  ],
  inputs: [{ name: "x", type: "float32", dims: ["N", 3, 8, 8] }],
  outputs: [{ name: "y", type: "float32", dims: ["N", 5] }],
  initializers: new Map([
    ["a", noise([8, 3, 3, 3], 0.5)],
    ["aBias", noise([8], 0.3)],
    ["b", noise([8, 8, 3, 3], 0.3)],
    // A channel that is almost only a bias: its int32 must not overflow.
    [
      "d",
      float32Tensor(
        [8, 1, 3, 3],
        Float32Array.from({ length: 72 }, (_, i) => (i < 9 ? 1e-9 : 2 * random.next() - 1)),
      ),
    ],
    ["dBias", float32Tensor([8], [3, 0.1, -0.2, 0.3, 0, 0.2, -0.1, 0.4])],
    ["zero", float32Tensor([], [0])],
    ["six", float32Tensor([], [6])],
    ["g", noise([8, 5], 1)],
    ["gBias", noise([5], 0.5)],
  ]),
};

const data = Float32Array.from({ length: 16 * 3 * 64 }, () => 2 * random.next() - 1);
const inputs = { x: { dims: [16, 3, 8, 8], data } };

async function outputsOf(of: Graph, wanted: readonly string[]): Promise<Map<string, Float32Array>> {
  const outputs = wanted.map((name) => ({ name, type: "float32" as const }));
  const session = await openSession(encodeModelWhole(modelOf({ ...of, outputs })));
  const found = await session.run(inputs);
  await session.close();
  return new Map(wanted.map((name) => [name, found[name]!.data as Float32Array]));
}

const all = (): boolean => true;

test("a quantised graph computes nearly the same in integers", async () => {
  const wanted = rangesWanted(graph, all);
  // The inputs of ReLU, the upper bound and pooling have no range of their own.
  expect(wanted.sort()).toEqual(["t10", "t2", "t3", "t5", "t8", "x", "y"]);
  const values = await outputsOf(graph, wanted);
  const ranges = new Map(
    [...values].map(([name, own]): [string, Range] => [name, [Math.min(...own), Math.max(...own)]]),
  );
  const quantised = quantise(graph, all, ranges);
  expect(quantised.nodes.filter(({ op }) => op === "Relu" || op === "Clip")).toEqual([]);
  const weights = [...quantised.initializers.values()].filter(({ type }) => type === "int8");
  expect(weights.map(({ dims }) => dims.length)).toEqual([4, 4, 4, 2]);
  const [before, after] = [values.get("y")!, (await outputsOf(quantised, ["y"])).get("y")!];
  const middle = before.reduce((sum, value) => sum + value, 0) / before.length;
  const squares = (values: readonly number[]): number => values.reduce((sum, value) => sum + value * value, 0);
  const error = squares([...before].map((value, i) => value - after[i]!));
  expect(error).toBeLessThan(0.05 ** 2 * squares([...before].map((value) => value - middle)));
  expect(after).not.toEqual(before);
});

test("nodes that may not be quantised stay unchanged", async () => {
  const isConvolution = ({ op }: { readonly op: string }): boolean => op === "Conv";
  const wanted = rangesWanted(graph, isConvolution);
  // An activation function that is not its own stays, so that its input has a range.
  expect(wanted.sort()).toEqual(["t1", "t2", "t3", "t6", "t7", "x"]);
  const values = await outputsOf(graph, wanted);
  const ranges = new Map(
    [...values].map(([name, own]): [string, Range] => [name, [Math.min(...own), Math.max(...own)]]),
  );
  const quantised = quantise(graph, isConvolution, ranges);
  expect(quantised.initializers.get("g")).toBe(graph.initializers.get("g"));
  expect(quantised.nodes.map(({ op }) => op)).toContain("Relu");
  expect((await outputsOf(quantised, ["y"])).get("y")!.length).toBe(80);
});
