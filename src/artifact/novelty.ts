/** The piece of an artifact that tells how unlike its training pictures a picture is. */
import { type Graph, node } from "../graph/model.ts";
import { float32Tensor, int64Tensor, rawTensor } from "../graph/tensor.ts";
import { FEATURES } from "../zoo/backbone.ts";
import { NOVELTY, type Novelty } from "./contract.ts";

/** Lengths below this count as this: features of nothing but zeros are like nothing. */
const LEAST_LENGTH = 1e-12;

/** `features` `[N, D]` → {@link NOVELTY} `[N]`: one minus the similarity to the k-th most similar row of the bank. */
export function noveltyGraph({ bank, scales, rule }: Novelty, features: number): Graph {
  const rows = scales.length;
  const bytes = new Uint8Array(bank.buffer, bank.byteOffset, bank.byteLength);
  return {
    name: "novelty",
    nodes: [
      node("ReduceL2", [FEATURES, "novelty/axis"], ["novelty/lengths"], { keepdims: 1 }),
      node("Max", ["novelty/lengths", "novelty/least"], ["novelty/safe"]),
      node("Div", [FEATURES, "novelty/safe"], ["novelty/units"]),
      node("DequantizeLinear", ["novelty/bank", "novelty/scales"], ["novelty/known"], { axis: 0 }),
      node("Gemm", ["novelty/units", "novelty/known"], ["novelty/similarities"], { transB: 1 }),
      node("TopK", ["novelty/similarities", "novelty/neighbours"], ["novelty/nearest", "novelty/places"], { axis: 1 }),
      node("Gather", ["novelty/nearest", "novelty/last"], ["novelty/similarity"], { axis: 1 }),
      node("Sub", ["novelty/one", "novelty/similarity"], [NOVELTY]),
    ],
    inputs: [{ name: FEATURES, type: "float32", dims: ["N", features] }],
    outputs: [{ name: NOVELTY, type: "float32", dims: ["N"] }],
    initializers: new Map([
      ["novelty/axis", int64Tensor([1], [1])],
      ["novelty/least", float32Tensor([], [LEAST_LENGTH])],
      ["novelty/bank", rawTensor("int8", [rows, features], bytes)],
      ["novelty/scales", float32Tensor([rows], scales)],
      ["novelty/neighbours", int64Tensor([1], [rule.neighbours])],
      ["novelty/last", int64Tensor([], [rule.neighbours - 1])],
      ["novelty/one", float32Tensor([], [1])],
    ]),
  };
}
