import { describe, expect, test } from "vitest";
import { type Graph, type Node, node } from "../graph/model.ts";
import { float32Tensor } from "../graph/tensor.ts";
import { findClassifier } from "./classifier.ts";

/** A graph of these nodes from `x` to the output of the last one; `w`, `b` and `k` are constants. */
const graphOf = (...nodes: Node[]): Graph => ({
  name: "g",
  nodes,
  inputs: [{ name: "x", type: "float32" }],
  outputs: [{ name: nodes.at(-1)!.outputs[0]!, type: "float32" }],
  initializers: new Map([
    ["w", float32Tensor([4, 2], new Float32Array(8))],
    ["k", float32Tensor([2, 4, 1, 1], new Float32Array(8))],
    ["b", float32Tensor([2], [0, 0])],
  ]),
});

const found = (...nodes: Node[]): string[] => {
  const { cut, layer } = findClassifier(graphOf(...nodes), "net.onnx");
  return [cut, layer.op];
};

const pool = node("GlobalAveragePool", ["x"], ["pool"]);
const flatten = node("Flatten", ["pool"], ["flat"], { axis: 1 });

describe("findClassifier", () => {
  test("Gemm, its logits bare or under a softmax", () => {
    const gemm = node("Gemm", ["flat", "w", "b"], ["logits"]);
    expect(found(pool, flatten, gemm)).toEqual(["flat", "Gemm"]);
    expect(found(pool, flatten, gemm, node("Softmax", ["logits"], ["p"]))).toEqual(["flat", "Gemm"]);
  });

  test("MatMul + Add, the constant on either side", () => {
    const product = node("MatMul", ["flat", "w"], ["product"]);
    expect(found(pool, flatten, product, node("Add", ["product", "b"], ["logits"]))).toEqual(["flat", "MatMul"]);
    expect(found(pool, flatten, product, node("Add", ["b", "product"], ["logits"]))).toEqual(["flat", "MatMul"]);
  });

  test("a 1×1 convolution, flattened, under a softmax", () => {
    const nodes = [
      pool,
      node("Conv", ["pool", "k", "b"], ["conv"]),
      node("Flatten", ["conv"], ["logits"]),
      node("Softmax", ["logits"], ["p"]),
    ];
    expect(found(...nodes)).toEqual(["pool", "Conv"]);
  });

  test("weights that a Constant node holds, and shapes that one gives", () => {
    const nodes = [
      pool,
      flatten,
      node("Constant", [], ["weights"], {
        value: { type: "tensor", value: float32Tensor([4, 2], new Float32Array(8)) },
      }),
      node("Gemm", ["flat", "weights"], ["logits"]),
      node("Constant", [], ["shape"], { value: { type: "ints", value: [-1, 2] } }),
      node("Reshape", ["logits", "shape"], ["out"]),
    ];
    expect(found(...nodes)).toEqual(["flat", "Gemm"]);
  });

  test("the last linear layer, where there are several", () => {
    const nodes = [
      node("Gemm", ["x", "w", "b"], ["hidden"]),
      node("Relu", ["hidden"], ["active"]),
      node("Gemm", ["active", "w", "b"], ["logits"]),
    ];
    expect(found(...nodes)).toEqual(["active", "Gemm"]);
  });

  test("none: one sentence with the remedy", () => {
    expect(() => findClassifier(graphOf(pool, flatten), "net.onnx")).toThrow(
      "No classifier was found at the end of net.onnx: name the tensor to cut at with --cut TENSOR.",
    );
    // A product of two values that both depend on the picture is no layer.
    const product = node("MatMul", ["flat", "flat"], ["p"]);
    expect(() => findClassifier(graphOf(pool, flatten, product), "net.onnx")).toThrow("No classifier");
    expect(() => findClassifier(graphOf(node("Conv", ["x", "k"], ["y"]), node("Relu", ["y"], ["z"])), "n")).toThrow(
      "--cut",
    );
  });

  test("an output that is the input has none", () => {
    const graph = { ...graphOf(pool), outputs: [{ name: "x", type: "float32" as const }] };
    expect(() => findClassifier(graph, "net.onnx")).toThrow("No classifier");
  });
});
