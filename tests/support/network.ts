/** A tiny image classifier with random weights, as ONNX: no download, no training, milliseconds to run. */
import { createRandom } from "../../src/base/random.ts";
import { encodeModelWhole } from "../../src/onnx/codec/write-model.ts";
import { float32Tensor, type Graph, modelOf, node } from "../../src/onnx/model.ts";

/** Features of {@link tinyNetwork} at its cut. */
export const FEATURES = 16;

/**
 * Conv 3×3 stride 2 → Relu → GlobalAveragePool → Flatten → Gemm → Softmax; input `[N, 3, 32, 32]`, ten classes.
 *
 * @param repeats further 3×3 convolutions of the same width, to make it slower
 */
export function tinyNetwork(seed = 1, repeats = 0): Uint8Array {
  const random = createRandom(seed);
  const noise = (count: number, scale: number): Float32Array =>
    Float32Array.from({ length: count }, () => scale * (random.next() * 2 - 1));
  const convolutions = Array.from({ length: repeats }, (_, i) => i);
  const graph: Graph = {
    name: "tiny",
    nodes: [
      node("Conv", ["input", "conv/w", "conv/b"], ["conv"], { strides: [2, 2], pads: [1, 1, 1, 1] }),
      node("Relu", ["conv"], ["block0"]),
      ...convolutions.flatMap((i) => [
        node("Conv", [`block${i}`, "again/w"], [`again${i}`], { pads: [1, 1, 1, 1] }),
        node("Relu", [`again${i}`], [`block${i + 1}`]),
      ]),
      node("GlobalAveragePool", [`block${repeats}`], ["pool"]),
      node("Flatten", ["pool"], ["flat"], { axis: 1 }),
      node("Gemm", ["flat", "fc/w", "fc/b"], ["logits"], { transB: 1 }),
      node("Softmax", ["logits"], ["prob"], { axis: 1 }),
    ],
    inputs: [{ name: "input", type: "float32", dims: ["N", 3, 32, 32] }],
    outputs: [{ name: "prob", type: "float32", dims: ["N", 10] }],
    initializers: new Map([
      ["conv/w", float32Tensor([FEATURES, 3, 3, 3], noise(FEATURES * 27, 0.5))],
      ["conv/b", float32Tensor([FEATURES], noise(FEATURES, 0.2))],
      ...(repeats > 0
        ? [["again/w", float32Tensor([FEATURES, FEATURES, 3, 3], noise(FEATURES * FEATURES * 9, 0.15))] as const]
        : []),
      ["fc/w", float32Tensor([10, FEATURES], noise(10 * FEATURES, 0.3))],
      ["fc/b", float32Tensor([10], noise(10, 0.1))],
    ]),
  };
  return encodeModelWhole(modelOf(graph));
}

/** A network that takes no images: one linear layer on vectors of four. */
export const textNetwork = (): Uint8Array =>
  encodeModelWhole(
    modelOf({
      name: "text",
      nodes: [node("Gemm", ["x", "w"], ["y"])],
      inputs: [{ name: "x", type: "float32", dims: ["N", 4] }],
      outputs: [{ name: "y", type: "float32", dims: ["N", 2] }],
      initializers: new Map([["w", float32Tensor([4, 2], [1, 2, 3, 4, 5, 6, 7, 8])]]),
    }),
  );
