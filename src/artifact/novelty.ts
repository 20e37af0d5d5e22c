/** The part of an artifact's graph that computes the out-of-distribution score. */
import { type Graph, type Node, node } from "../graph/model.ts";
import { float32Tensor, int64Tensor, rawTensor } from "../graph/tensor.ts";
import { FEATURES } from "../zoo/backbone.ts";
import { LEAST_ODDS, NOVELTY, type Novelty, PROBABILITIES } from "./contract.ts";

/** Lower bound of feature lengths, so that features of all zeros are not divided by 0. */
const LEAST_LENGTH = 1e-12;

/** `features` `[N, D]` and `probabilities` `[N, C]` → {@link NOVELTY} `[N]`. */
export function noveltyGraph(
  { bank, scales, distance, odds, rule }: Novelty,
  features: number,
  classes: number,
): Graph {
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
      node("Sub", ["novelty/one", "novelty/similarity"], ["novelty/distance"]),
      ...inUnits("novelty/distance", "novelty/far"),
      // The log odds against the top class.
      node("ReduceMax", [PROBABILITIES, "novelty/axis"], ["novelty/top"], { keepdims: 0 }),
      node("Sub", ["novelty/one", "novelty/top"], ["novelty/others"]),
      node("Add", ["novelty/others", "novelty/leastOdds"], ["novelty/against"]),
      node("Add", ["novelty/top", "novelty/leastOdds"], ["novelty/for"]),
      node("Div", ["novelty/against", "novelty/for"], ["novelty/ratio"]),
      node("Log", ["novelty/ratio"], ["novelty/odds"]),
      ...inUnits("novelty/odds", "novelty/between"),
      node("Add", ["novelty/far", "novelty/between"], [NOVELTY]),
    ],
    inputs: [
      { name: FEATURES, type: "float32", dims: ["N", features] },
      { name: PROBABILITIES, type: "float32", dims: ["N", classes] },
    ],
    outputs: [{ name: NOVELTY, type: "float32", dims: ["N"] }],
    initializers: new Map([
      ["novelty/axis", int64Tensor([1], [1])],
      ["novelty/least", float32Tensor([], [LEAST_LENGTH])],
      ["novelty/bank", rawTensor("int8", [rows, features], bytes)],
      ["novelty/scales", float32Tensor([rows], scales)],
      ["novelty/neighbours", int64Tensor([1], [rule.neighbours])],
      ["novelty/last", int64Tensor([], [rule.neighbours - 1])],
      ["novelty/one", float32Tensor([], [1])],
      ["novelty/leastOdds", float32Tensor([], [LEAST_ODDS])],
      ["novelty/distance/median", float32Tensor([], [distance.median])],
      ["novelty/distance/spread", float32Tensor([], [distance.spread])],
      ["novelty/odds/median", float32Tensor([], [odds.median])],
      ["novelty/odds/spread", float32Tensor([], [odds.spread])],
    ]),
  };
}

/** A score minus its median, in units of its spread. */
const inUnits = (score: string, output: string): Node[] => [
  node("Sub", [score, `${score}/median`], [`${output}/shifted`]),
  node("Div", [`${output}/shifted`, `${score}/spread`], [output]),
];
