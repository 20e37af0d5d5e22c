/** Linear layers: nodes that map features to logits with constant weights, and what they are called. */
import { intAttribute, type Node } from "../../graph/model.ts";
import { elementCount } from "../../graph/tensor.ts";
import { layerName } from "../module-names.ts";
import type { Known } from "./known.ts";

/** A linear layer and what it reads. */
export interface Linear {
  readonly node: Node;
  /** The tensor of its features. */
  readonly reads: string;
  /** Its weight's tensor, however it comes about. */
  readonly weight: string;
}

/** Whether a convolution is a linear layer on every position: kernel 1×1, or one as large as the whole map. */
function isPointwise(node: Node, { shapes }: Known): boolean {
  const kernel = shapes.get(node.inputs[1] ?? "")?.dims.slice(2) ?? [];
  const positions = shapes.get(node.outputs[0] ?? "")?.dims.slice(2) ?? [];
  return intAttribute(node, "group", 1) === 1 && (elementCount(kernel) === 1 || elementCount(positions) === 1);
}

const layers: Readonly<Record<string, (node: Node, known: Known) => boolean>> = {
  Gemm: (node) => intAttribute(node, "transA", 0) === 0,
  MatMul: () => true,
  Conv: isPointwise,
};

/** The linear layer that a node is, if it is one: data first, a weight that depends on no picture second. */
export function linearLayer(node: Node, known: Known): Linear | undefined {
  const [reads = "", weight = ""] = node.inputs;
  const is = Object.hasOwn(layers, node.op) ? layers[node.op] : undefined;
  if (!is?.(node, known) || known.flow.dependence(reads) !== "values") return undefined;
  return known.flow.dependence(weight) === "nothing" ? { node, reads, weight } : undefined;
}

/** The name of a weight in the file, behind what an exporter put between it and its layer. */
export function weightName({ weight }: Linear, { graph, made }: Known): string {
  for (let name = weight; ; ) {
    const [input] = made.producer(name)?.inputs ?? [];
    if (graph.initializers.has(name) || input === undefined) return name;
    name = input;
  }
}

/** What to call the layer in a sentence. */
export const nameOf = (layer: Linear, known: Known): string => layerName(layer.node, weightName(layer, known));
