/**
 * What each tensor depends on: nothing (constants and what is computed of them), the shape of the inputs only, or
 * their values. Tells a layer's data from its weights, however many nodes an exporter put between a weight and its layer.
 */
import { inTopologicalOrder, tensorsRead } from "./lookup.ts";
import type { Graph, Node } from "./model.ts";

/** From least to most; a tensor depends on the most that any of its inputs does. */
export type Dependence = "nothing" | "shapes" | "values";

/** How the tensors of one graph depend on its inputs. */
export interface Dataflow {
  /** The graph's nodes, each after those that it reads from. */
  readonly nodes: readonly Node[];
  /** What a tensor depends on; `nothing` for names the graph does not have. */
  dependence(tensor: string): Dependence;
  /** The inputs of a node that carry values of the graph's inputs: its data, in order. */
  data(node: Node): readonly string[];
}

const rank: Readonly<Record<Dependence, number>> = { nothing: 0, shapes: 1, values: 2 };
/** Operators whose result tells of a shape, not of values. */
const shapeReaders = new Set(["Shape", "Size"]);
/** Operators whose result is not a constant although they read none. */
const sources = new Set(["RandomNormal", "RandomUniform"]);

/** Follows every tensor of a graph. Throws a data error where the graph is cyclic. */
export function dataflow(graph: Graph): Dataflow {
  const known = new Map<string, Dependence>(graph.inputs.map(({ name }) => [name, "values"]));
  const dependence = (tensor: string): Dependence => known.get(tensor) ?? "nothing";
  const nodes = inTopologicalOrder(graph.nodes);
  for (const node of nodes) {
    let most: Dependence = sources.has(node.op) ? "values" : "nothing";
    for (const input of tensorsRead(node)) if (rank[dependence(input)] > rank[most]) most = dependence(input);
    if (shapeReaders.has(node.op) && most === "values") most = "shapes";
    for (const output of node.outputs) if (output !== "") known.set(output, most);
  }
  return {
    nodes,
    dependence,
    data: (node) => tensorsRead(node).filter((input) => dependence(input) === "values"),
  };
}
