/** Indexes of a network's graph, from which the roles of its parameters are derived. */
import { type Dataflow, dataflow } from "../../graph/dataflow.ts";
import { type Lookup, lookup } from "../../graph/lookup.ts";
import type { Graph, Node } from "../../graph/model.ts";
import type { TensorShape } from "../../graph/tensor.ts";

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
