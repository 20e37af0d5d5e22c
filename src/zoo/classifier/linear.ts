/** Linear layers: nodes that may map features to logits with constant weights, and their names. */
import { intAttribute, type Node } from "../../graph/model.ts";
import { elementCount } from "../../graph/tensor.ts";
import { layerName } from "../module-names.ts";
import type { IndexedGraph } from "./known.ts";

/** A linear layer and its input. */
export interface Linear {
  readonly node: Node;
  /** The tensor of its features. */
  readonly reads: string;
  /** The tensor of its weight, a constant or computed from one. */
  readonly weight: string;
}

/** Whether a convolution is a linear layer at every position: its kernel is 1 × 1 or covers the whole map. */
function isPointwise(node: Node, { shapes }: IndexedGraph): boolean {
  const kernel = shapes.get(node.inputs[1] ?? "")?.dims.slice(2) ?? [];
  const positions = shapes.get(node.outputs[0] ?? "")?.dims.slice(2) ?? [];
  return intAttribute(node, "group", 1) === 1 && (elementCount(kernel) === 1 || elementCount(positions) === 1);
}

const layers: Readonly<Record<string, (node: Node, known: IndexedGraph) => boolean>> = {
  Gemm: (node) => intAttribute(node, "transA", 0) === 0,
  MatMul: () => true,
  Conv: isPointwise,
};

/** The node as a linear layer, if it is one: the first input depends on the images, the second does not. */
export function linearLayer(node: Node, known: IndexedGraph): Linear | undefined {
  const [reads = "", weight = ""] = node.inputs;
  const is = Object.hasOwn(layers, node.op) ? layers[node.op] : undefined;
  if (!is?.(node, known) || known.flow.dependence(reads) !== "values") return undefined;
  return known.flow.dependence(weight) === "nothing" ? { node, reads, weight } : undefined;
}

/** The name of a weight in the file, before the operators that an exporter put between it and its layer. */
export function weightName({ weight }: Linear, { graph, made }: IndexedGraph): string {
  for (let name = weight; ; ) {
    const [input] = made.producer(name)?.inputs ?? [];
    if (graph.initializers.has(name) || input === undefined) return name;
    name = input;
  }
}

/** The name of the layer for display. */
export const nameOf = (layer: Linear, known: IndexedGraph): string => layerName(layer.node, weightName(layer, known));
