/**
 * Separates constants that an exporter merged because they were equal: the zeros of one layer's bias and of another's mean may be the same
 * tensor, but each must be trained separately. Shared weights stay shared, and so do the biases of layers that share their weight.
 */
import type { Graph, Node } from "../../graph/model.ts";
import type { Tensor } from "../../graph/tensor.ts";
import type { Use } from "./uses.ts";

/** The graph with separate constants. */
export interface SeparatedConstants {
  readonly graph: Graph;
  /** The uses of each constant and copy. */
  readonly uses: ReadonlyMap<string, readonly Use[]>;
}

/** Identifies the layer and input of a use; layers that share a weight count as one. */
const ownerOf = ({ node, position }: Use, graph: Graph): string => {
  const weight = node.inputs[1] ?? "";
  const held = graph.initializers.get(weight);
  return `${position} of ${held && !isVector(held) ? weight : (node.outputs[0] ?? node.name)}`;
};

/** Whether a tensor has one number per channel, whatever its rank. */
const isVector = ({ dims }: Tensor): boolean => dims.filter((size) => size > 1).length <= 1;

/**
 * Gives each layer its own copy of the vectors that it shares with other layers.
 *
 * @param uses of constants, by name
 */
export function separateShared(graph: Graph, uses: ReadonlyMap<string, readonly Use[]>): SeparatedConstants {
  const initializers = new Map<string, Tensor>(graph.initializers);
  const renamed = new Map<Node, Map<number, string>>();
  const copies = new Map<string, readonly Use[]>();
  for (const [name, own] of uses) {
    const tensor = graph.initializers.get(name)!;
    const isDirect = own.every((use) => use.tensor === name && use.position >= 0);
    const owners = new Map<string, Use[]>();
    for (const use of own) {
      const owner = ownerOf(use, graph);
      owners.set(owner, [...(owners.get(owner) ?? []), use]);
    }
    if (!isVector(tensor) || !isDirect || owners.size < 2) {
      copies.set(name, own);
      continue;
    }
    [...owners.values()].forEach((group, index) => {
      const copy = index === 0 ? name : `${name}/copy${index}`;
      initializers.set(copy, tensor);
      copies.set(
        copy,
        group.map((use) => ({ ...use, tensor: copy })),
      );
      for (const { node, position } of group) {
        const inputs = renamed.get(node) ?? new Map<number, string>();
        renamed.set(node, inputs.set(position, copy));
      }
    });
  }
  const nodes = graph.nodes.map((node) => {
    const inputs = renamed.get(node);
    return inputs ? { ...node, inputs: node.inputs.map((input, at) => inputs.get(at) ?? input) } : node;
  });
  return { graph: { ...graph, nodes, initializers }, uses: copies };
}
