/**
 * Which axis of each tensor holds the channels, derived from operators, not from sizes: networks from TensorFlow use
 * `[N, H, W, C]`, those from PyTorch `[N, C, H, W]`, transformers `[N, T, C]`.
 */
import { type AxisMap, followAxis } from "./axes.ts";
import type { Dataflow } from "./dataflow.ts";
import { type Graph, intAttribute, type Node } from "./model.ts";
import type { Shapes } from "./multiply-adds.ts";

/** Operators that by definition have their channels on axis 1. */
const channelsFirst = new Set([
  ..."Conv ConvTranspose ConvInteger QLinearConv FusedConv BatchNormalization InstanceNormalization GroupNormalization".split(
    " ",
  ),
  ..."MaxPool AveragePool LpPool GlobalAveragePool GlobalMaxPool LRN DepthToSpace SpaceToDepth".split(" "),
]);

/** The channel axis of every tensor for which the graph defines one; tensors of rank 0 and 1 have none. */
export function channelAxes(graph: Graph, shapes: Shapes, { nodes, data, dependence }: Dataflow): AxisMap {
  const made = (node: Node): number | undefined => {
    const rank = shapes.get(node.outputs[0] ?? "")?.dims.length ?? 0;
    if (rank < 2 || dependence(node.outputs[0] ?? "") !== "values") return undefined;
    if (channelsFirst.has(node.op)) return 1;
    if (node.op === "LayerNormalization") {
      return intAttribute(node, "axis", -1) === -1 || intAttribute(node, "axis", -1) === rank - 1
        ? rank - 1
        : undefined;
    }
    // A product with a weight on the right creates the last axis; a product of two activations is attention.
    if ((node.op === "MatMul" || node.op === "MatMulInteger") && dependence(node.inputs[1] ?? "") === "nothing")
      return rank - 1;
    return node.op === "Gemm" ? 1 : undefined;
  };
  return followAxis(graph, shapes, nodes, new Map(), made, data);
}
