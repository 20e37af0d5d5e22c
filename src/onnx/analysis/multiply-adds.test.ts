import { describe, expect, test } from "vitest";
import { elementCount, float32Tensor, type Graph, modelOf, type Node, node } from "../model.ts";
import { inferShapes } from "../session/shapes.ts";
import { multiplyAdds, nodeMultiplyAdds } from "./multiply-adds.ts";

/** The count of one node, with the output shape that ONNX Runtime infers. */
async function count(
  of: Node,
  inputs: Readonly<Record<string, number[]>>,
  weights: Readonly<Record<string, number[]>>,
) {
  const graph: Graph = {
    name: "g",
    nodes: [of],
    inputs: Object.entries(inputs).map(([name, dims]) => ({ name, type: "float32", dims })),
    outputs: [{ name: of.outputs[0]! }],
    initializers: new Map(
      Object.entries(weights).map(([name, dims]) => [name, float32Tensor(dims, new Float32Array(elementCount(dims)))]),
    ),
  };
  return multiplyAdds(graph, await inferShapes(modelOf(graph)));
}

describe("multiply-adds of", () => {
  const x = [1, 8, 10, 10];
  test.each<[string, Node, Record<string, number[]>, Record<string, number[]>, number]>([
    // 5 × 5 positions, 16 outputs, 8 × 3 × 3 products each
    [
      "a convolution",
      node("Conv", ["x", "w"], ["y"], { strides: [2, 2], pads: [1, 1, 1, 1] }),
      { x },
      { w: [16, 8, 3, 3] },
      25 * 16 * 72,
    ],
    ["one with a bias", node("Conv", ["x", "w", "b"], ["y"]), { x }, { w: [16, 8, 1, 1], b: [16] }, 100 * 16 * 8],
    ["one in groups", node("Conv", ["x", "w"], ["y"], { group: 4 }), { x }, { w: [16, 2, 1, 1] }, 100 * 16 * 2],
    [
      "a depthwise one",
      node("Conv", ["x", "w"], ["y"], { group: 8, pads: [1, 1, 1, 1] }),
      { x },
      { w: [8, 1, 3, 3] },
      100 * 8 * 9,
    ],
    [
      "a transposed one",
      node("ConvTranspose", ["x", "w"], ["y"], { strides: [2, 2] }),
      { x },
      { w: [8, 4, 2, 2] },
      800 * 16,
    ],
    ["Gemm", node("Gemm", ["x", "w"], ["y"]), { x: [2, 8] }, { w: [8, 5] }, 2 * 8 * 5],
    [
      "Gemm, transposed",
      node("Gemm", ["x", "w"], ["y"], { transA: 1, transB: 1 }),
      { x: [8, 2] },
      { w: [5, 8] },
      2 * 8 * 5,
    ],
    ["MatMul", node("MatMul", ["x", "w"], ["y"]), { x: [3, 7, 8] }, { w: [8, 5] }, 21 * 8 * 5],
    ["attention's scores", node("MatMul", ["q", "k"], ["y"]), { q: [1, 2, 7, 8], k: [1, 2, 8, 7] }, {}, 2 * 7 * 8 * 7],
    ["a vector product", node("MatMul", ["x", "w"], ["y"]), { x: [8] }, { w: [8] }, 8],
    ["Einsum", equation("bqhd,bkhd->bhqk"), { x: [2, 5, 3, 4], w: [2, 6, 3, 4] }, {}, 2 * 3 * 5 * 6 * 4],
    ["Einsum with dots", equation("...i,ij->...j"), { x: [2, 5, 4], w: [4, 3] }, {}, 2 * 5 * 4 * 3],
    ["Einsum of one", { ...equation("ij->ji"), inputs: ["x"] }, { x: [2, 5] }, {}, 0],
    ["an element-wise operator", node("Relu", ["x"], ["y"]), { x }, {}, 0],
    ["pooling", node("AveragePool", ["x"], ["y"], { kernel_shape: [2, 2] }), { x }, {}, 0],
  ])("%s", async (_, of, inputs, weights, expected) => {
    expect(await count(of, inputs, weights)).toBe(expected);
  });

  test("ONNX's Attention: queries × keys, weights × values", () => {
    const shapes = new Map([
      ["q", { dims: [1, 5, 16] }],
      ["k", { dims: [1, 7, 16] }],
      ["v", { dims: [1, 7, 24] }],
      ["y", { dims: [1, 5, 24] }],
    ]);
    expect(nodeMultiplyAdds(node("Attention", ["q", "k", "v"], ["y"]), shapes)).toBe(5 * 7 * 16 + 5 * 7 * 24);
  });

  test("a tensor of unknown shape is an error, not 0", () => {
    expect(() => nodeMultiplyAdds(node("Conv", ["x", "w"], ["y"]), new Map())).toThrow('shape of "y"');
  });
});

function equation(text: string): Node {
  return node("Einsum", ["x", "w"], ["y"], { equation: text });
}
