import { describe, expect, it } from "vitest";
import { float32Tensor, type Graph, int64Tensor, modelOf, node } from "../model.ts";
import { inferShapes } from "./shapes.ts";

const graph: Graph = {
  name: "small",
  nodes: [
    node("Conv", ["x", "w"], ["y"], { strides: [2, 2], pads: [1, 1, 1, 1] }),
    node("Relu", ["y"], ["z"]),
    node("Shape", ["z"], ["size"]),
    node("Reshape", ["z", "flat"], ["rows"]),
  ],
  inputs: [{ name: "x", type: "float32", dims: ["N", 3, 9, 9] }],
  outputs: [{ name: "rows", type: "float32" }],
  initializers: new Map([
    ["w", float32Tensor([4, 3, 3, 3], new Float32Array(108))],
    ["flat", int64Tensor([2], [0, -1])],
  ]),
};

describe("inferShapes", () => {
  it("finds the shapes of inputs, weights and all other tensors", async () => {
    const shapes = await inferShapes(modelOf(graph), { x: [2, 3, 9, 9] });
    expect(Object.fromEntries(shapes)).toEqual({
      x: { type: "float32", dims: [2, 3, 9, 9] },
      w: { type: "float32", dims: [4, 3, 3, 3] },
      flat: { type: "int64", dims: [2] },
      y: { type: "float32", dims: [2, 4, 5, 5] },
      z: { type: "float32", dims: [2, 4, 5, 5] },
      size: { type: "int64", dims: [4] },
      rows: { type: "float32", dims: [2, 100] },
    });
  });

  it("says which tensor's shape is only known at run time", async () => {
    await expect(inferShapes(modelOf(graph))).rejects.toThrow(/shape of tensor "\w+" .* only known when/);
  });
});
