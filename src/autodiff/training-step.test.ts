import { expect, test } from "vitest";
import { float32Tensor, type Graph, int64Tensor, node } from "../onnx/model.ts";
import { parametersOf } from "./training-step.ts";

test("the operators that read constants tell parameters from settings, and kernels from other parameters", () => {
  const floats = (...dims: number[]) => float32Tensor(dims, new Float32Array(dims.reduce((a, b) => a * b, 1)));
  const graph: Graph = {
    name: "parts",
    nodes: [
      node("Conv", ["x", "kernel", "bias"], ["a"]),
      node("BatchNormalization", ["a", "scale", "shift", "mean", "variance"], ["b"]),
      node("Clip", ["b", "low", "high"], ["c"]),
      node("Mul", ["c", "half"], ["d"]),
      node("Reshape", ["d", "shape"], ["e"]),
      node("Concat", ["token", "e"], ["f"], { axis: 1 }),
      node("Add", ["f", "positions"], ["g"]),
      node("MatMul", ["g", "matrix"], ["h"]),
      node("Add", ["matrixBias", "h"], ["y"]),
    ],
    inputs: [{ name: "x", type: "float32" }],
    outputs: [{ name: "y" }],
    initializers: new Map([
      ["kernel", floats(4, 3, 1, 1)],
      ...["bias", "scale", "shift", "mean", "variance", "matrixBias"].map((name) => [name, floats(4)] as const),
      ...["low", "high", "half"].map((name) => [name, floats()] as const),
      ["shape", int64Tensor([2], [1, -1])],
      ["token", floats(1, 1, 4)],
      ["positions", floats(1, 5, 4)],
      ["matrix", floats(4, 4)],
    ]),
  };
  const found = parametersOf(graph);
  expect(found.map(({ name }) => name)).toEqual([
    "kernel",
    "bias",
    "scale",
    "shift",
    "token",
    "positions",
    "matrix",
    "matrixBias",
  ]);
  expect(found.filter(({ decays }) => decays).map(({ name }) => name)).toEqual(["kernel", "matrix"]);
});
