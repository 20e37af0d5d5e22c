import { describe, expect, test } from "vitest";
import { encodeModelWhole } from "../../onnx/codec/write-model.ts";
import {
  elementCount,
  float32Tensor,
  type Graph,
  int64Tensor,
  modelOf,
  type Node,
  node,
  type Tensor,
} from "../../onnx/model.ts";
import { openSession } from "../../onnx/session/session.ts";
import { inferShapes } from "../../onnx/session/shapes.ts";
import { choosePooling, type Pooling, type PoolingChoice, poolings } from "./pooling.ts";

const floats = (...dims: number[]): Tensor => float32Tensor(dims, new Float32Array(elementCount(dims)));
const ints = (...values: number[]): Tensor => int64Tensor([values.length], values);

const graphOf = (nodes: readonly Node[]): Graph => ({
  name: "g",
  nodes,
  inputs: [{ name: "x", type: "float32", dims: [1, 3, 8, 8] }],
  outputs: [{ name: nodes.at(-1)!.outputs[0]! }],
  initializers: new Map([
    ["k", floats(5, 3, 1, 1)],
    ["gamma", floats(5)],
    ["token", floats(1, 1, 5)],
    ["sequence", ints(1, 5, 64)],
    ["square", ints(1, 5, 8, 8)],
    ["torn", ints(1, 20, 4, 4)],
    ["cube", ints(1, 5, 4, 4, 4)],
    ["weight", floats(5, 2)],
    ["first", int64Tensor([], [0])],
    ["one", ints(1)],
    ["end", ints(1000)],
    ["zero", ints(0)],
    ["halves", ints(1, 2, 160)],
  ]),
});

async function choose(nodes: readonly Node[], cut = nodes.at(-1)!.outputs[0]!): Promise<PoolingChoice> {
  const graph = graphOf(nodes);
  return choosePooling(graph, await inferShapes(modelOf(graph)), cut, "net");
}

const map = [node("Conv", ["x", "k"], ["map"])];
const nhwc = [...map, node("Transpose", ["map"], ["y"], { perm: [0, 2, 3, 1] })];
const rows = [...map, node("Reshape", ["map", "sequence"], ["rows"])];
const patches = [...rows, node("Transpose", ["rows"], ["patches"], { perm: [0, 2, 1] })];
const tokens = [...patches, node("Concat", ["token", "patches"], ["tokens"], { axis: 1 })];
const normed = [...tokens, node("LayerNormalization", ["tokens", "gamma"], ["y"])];

describe("the pooling at a cut", () => {
  test.each<[string, readonly Node[], string, Pooling, number]>([
    ["a vector", [...map, node("ReduceMean", ["map", "axes"], ["y"], { keepdims: 0 }), ints23()], "y", "none", 5],
    ["a pooled map", [...map, node("GlobalAveragePool", ["map"], ["y"])], "y", "flatten", 5],
    ["a map [N, C, H, W]", map, "map", "spatial-mean", 5],
    ["a map [N, H, W, C]", nhwc, "y", "spatial-mean-nhwc", 5],
    [
      "an operation on each position of a map",
      [...nhwc, node("MatMul", ["y", "weight"], ["z"])],
      "z",
      "spatial-mean-nhwc",
      2,
    ],
    ["positions in a row, [N, C, T]", rows, "rows", "spatial-mean", 5],
    ["tokens without a class token", patches, "patches", "token-mean", 5],
    ["tokens with one", normed, "y", "class-token", 5],
    [
      "tokens whose first is gathered",
      [...normed, node("Gather", ["y", "first"], ["v"], { axis: 1 })],
      "y",
      "class-token",
      5,
    ],
    [
      "tokens whose first is sliced",
      [...normed, node("Slice", ["y", "zero", "one", "one"], ["v"])],
      "y",
      "class-token",
      5,
    ],
    [
      "tokens that are averaged with the class token",
      [...normed, node("ReduceMean", ["y", "one"], ["v"], { keepdims: 0 })],
      "y",
      "token-mean",
      5,
    ],
    [
      "tokens that are averaged without the first",
      [
        ...normed,
        node("Slice", ["y", "one", "end", "one"], ["s"]),
        node("ReduceMean", ["s", "one"], ["v"], { keepdims: 0 }),
      ],
      "y",
      "patch-mean",
      5,
    ],
    [
      "a cut in the middle, tokens pooled much later",
      [...normed, node("Relu", ["y"], ["r"]), node("Gather", ["r", "first"], ["v"], { axis: 1 })],
      "tokens",
      "class-token",
      5,
    ],
    ["a map that only its size shows", [...map, node("Reshape", ["map", "torn"], ["y"])], "y", "spatial-mean", 20],
  ])("%s", async (_, nodes, cut, pooling, features) => {
    const choice = await choose(nodes, cut);
    expect(choice).toMatchObject({ pooling, features });
    expect(choice.why.length).toBeGreaterThan(5);
  });

  test.each([
    ["five dimensions", [...map, node("Reshape", ["map", "cube"], ["y"])], "not a feature map or vector"],
    ["axes of unknown meaning", [...map, node("Reshape", ["map", "halves"], ["y"])], "does not show which axis"],
  ])("%s are refused, with the remedy", async (_, nodes, said) => {
    await expect(choose(nodes)).rejects.toThrow(said);
    await expect(choose(nodes)).rejects.toThrow("choose another with --cut");
  });
});

/** The axes of the map as a constant of its own. */
function ints23(): Node {
  return node("Constant", [], ["axes"], { value_ints: [2, 3] });
}

describe("each pooling computes what its name says", () => {
  const run = async (pooling: Pooling, dims: number[], values: number[]): Promise<number[]> => {
    const { nodes, initializers } = poolings[pooling].graph("cut", "features");
    const graph: Graph = {
      name: "pool",
      nodes,
      initializers,
      inputs: [{ name: "cut", type: "float32", dims }],
      outputs: [{ name: "features", type: "float32" }],
    };
    const session = await openSession(encodeModelWhole(modelOf(graph)), { threads: 1 });
    const { features } = await session.run({ cut: { dims, data: Float32Array.from(values) } });
    await session.close();
    expect(features!.dims).toEqual([dims[0], features!.data.length / dims[0]!]);
    return [...(features!.data as Float32Array)];
  };

  test.each<[Pooling, number[], number[], number[]]>([
    ["none", [2, 2], [1, 2, 3, 4], [1, 2, 3, 4]],
    ["flatten", [1, 2, 1, 1], [1, 2], [1, 2]],
    ["spatial-mean", [1, 2, 1, 2], [1, 3, 10, 20], [2, 15]],
    ["spatial-mean", [1, 2, 2], [1, 3, 10, 20], [2, 15]],
    ["spatial-mean-nhwc", [1, 1, 2, 2], [1, 3, 11, 23], [6, 13]],
    ["class-token", [2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8], [1, 2, 5, 6]],
    ["token-mean", [2, 2, 2], [1, 2, 3, 4, 5, 6, 7, 8], [2, 3, 6, 7]],
    ["patch-mean", [1, 3, 2], [9, 9, 1, 2, 3, 4], [2, 3]],
  ])("%s", async (pooling, dims, values, expected) => {
    expect(await run(pooling, dims, values)).toEqual(expected);
  });
});
