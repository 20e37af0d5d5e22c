/**
 * Indexes of a network's graph, from which the roles of its parameters are derived: shapes, the uses of each constant, and separate
 * copies of constants that an exporter merged. Draws no values.
 */
import { type Dataflow, dataflow, type Lookup, lookup } from "../../onnx/analysis/dataflow.ts";
import type { Graph, Node, Tensor, TensorShape } from "../../onnx/model.ts";

export interface GraphIndex {
  readonly graph: Graph;
  readonly flow: Dataflow;
  readonly made: Lookup;
  /** The shape of a tensor. Throws a RangeError if it is unknown. */
  dims(tensor: string): readonly number[];
  /** Whether a tensor depends on the image but not on a layer with weights: preprocessing. */
  isRaw(tensor: string): boolean;
  /** Whether a constant, or the one that a tensor is computed from, is all zeros. */
  isZero(tensor: string): boolean;
}

/** Operators with a weight that mixes features. */
const layers = new Set(["Conv", "ConvTranspose", "Gemm", "MatMul", "Einsum"]);

/** Whether a node is a layer with a weight: one input depends on the image, another does not. */
export const isLayer = (node: Node, { flow }: { readonly flow: Dataflow }): boolean =>
  layers.has(node.op) &&
  node.inputs.slice(0, 2).some((input) => flow.dependence(input) === "values") &&
  node.inputs.slice(0, 2).some((input) => input !== "" && flow.dependence(input) !== "values");

/** Indexes a graph. `shapes` are those of every tensor, for any batch size. Throws a data error if the graph is cyclic. */
export function indexGraph(graph: Graph, shapes: ReadonlyMap<string, TensorShape>): GraphIndex {
  const flow = dataflow(graph);
  const made = lookup(graph);
  const seen = new Set<string>();
  for (const node of flow.nodes) {
    if (isLayer(node, { flow }) || node.inputs.some((input) => seen.has(input)))
      for (const output of node.outputs) seen.add(output);
  }
  return {
    graph,
    flow,
    made,
    dims(tensor) {
      const shape = graph.initializers.get(tensor) ?? shapes.get(tensor);
      if (!shape) throw new RangeError(`The shape of "${tensor}" is not known.`);
      return shape.dims;
    },
    isRaw: (tensor) => flow.dependence(tensor) === "values" && !seen.has(tensor),
    isZero(tensor) {
      for (let name: string | undefined = tensor; name !== undefined; name = made.producer(name)?.inputs[0]) {
        const held = graph.initializers.get(name);
        if (held) return held.bytes.every((byte) => byte === 0);
      }
      return false;
    },
  };
}

// The uses of a constant: nodes after those that exporters put between a weight and its layer.

/** A node that combines a constant with values that depend on the image. */
export interface Use {
  readonly node: Node;
  /** The index of the node's input; −1 in a subgraph. */
  readonly position: number;
  /** The tensor that the node reads: the constant, or one computed from it. */
  readonly tensor: string;
}

/** Operators that rearrange or extend a constant without changing its values. */
const moving = new Set([
  ..."Transpose Reshape Flatten Squeeze Unsqueeze Identity Cast Expand Tile Slice Split Gather Concat Pad".split(" "),
]);

/** The uses of a constant. A node that computes with constants only is a use too. */
export function usesOf(constant: string, graph: Graph, flow: Dataflow, made: Lookup = lookup(graph)): readonly Use[] {
  const uses: Use[] = [];
  const seen = new Set<string>();
  const pending = [constant];
  for (let tensor = pending.pop(); tensor !== undefined; tensor = pending.pop()) {
    if (seen.has(tensor)) continue;
    seen.add(tensor);
    for (const node of made.consumers(tensor)) {
      const isMoved = moving.has(node.op) && node.outputs.every((output) => flow.dependence(output) !== "values");
      if (isMoved && node.inputs[0] === tensor) pending.push(...node.outputs);
      else {
        const positions = node.inputs.flatMap((input, position) => (input === tensor ? [position] : []));
        // In a subgraph, it has no position.
        for (const position of positions.length > 0 ? positions : [-1]) uses.push({ node, position, tensor });
      }
    }
  }
  return uses;
}

// Constants that an exporter merged because they were equal: the zeros of one layer's bias and of another's mean may be the same
// tensor, but each must be trained separately. Shared weights stay shared, and so do the biases of layers that share their weight.

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
