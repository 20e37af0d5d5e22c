/**
 * What each tensor depends on: nothing (constants and what is computed from them), only the shapes of the inputs, or
 * their values. Separates a layer's data from its weights, even if an exporter put nodes between a weight and its layer.
 */
import { inTopologicalOrder, tensorsRead } from "./lookup.ts";
import type { Graph, Node } from "./model.ts";

/** From least to most; a tensor has the highest dependence of its inputs. */
export type Dependence = "nothing" | "shapes" | "values";

/** How the tensors of one graph depend on its inputs. */
export interface Dataflow {
  /** The nodes of the graph, each after those whose outputs it reads. */
  readonly nodes: readonly Node[];
  /** What a tensor depends on; `nothing` for unknown names. */
  dependence(tensor: string): Dependence;
  /** The inputs of a node that depend on the values of the graph's inputs: its data, in order. */
  data(node: Node): readonly string[];
}

const rank: Readonly<Record<Dependence, number>> = { nothing: 0, shapes: 1, values: 2 };
/** Operators whose result depends on a shape, not on values. */
const shapeReaders = new Set(["Shape", "Size"]);
/** Operators without inputs whose result is not constant. */
const sources = new Set(["RandomNormal", "RandomUniform"]);

/** Analyses every tensor of a graph. Throws a GraftError (`data`) if the graph has a cycle. */
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
