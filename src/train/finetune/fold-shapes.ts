/**
 * A graph for batches of one size: what it computes of shapes (`Shape` → `Gather` → `Concat` …) is known beforehand, so that
 * nothing after the freeze boundary asks for the shape of a tensor before it.
 */
import { constants } from "../../autodiff/constants.ts";
import type { Shapes } from "../../autodiff/gradients.ts";
import type { Graph } from "../../graph/model.ts";
import { int64Tensor, type Tensor } from "../../graph/tensor.ts";

/** The same graph with int64 tensors that static shapes determine as initializers. */
export function foldShapes(graph: Graph, shapes: Shapes): Graph {
  const { integers } = constants(graph, shapes);
  const initializers = new Map<string, Tensor>(graph.initializers);
  const yielded = new Set(graph.outputs.map(({ name }) => name));
  const nodes = graph.nodes.filter(({ outputs }) => {
    const [name = ""] = outputs;
    const shape = shapes.get(name);
    const values = outputs.length === 1 && !yielded.has(name) && shape?.type === "int64" ? integers(name) : undefined;
    if (!shape || !values) return true;
    initializers.set(name, int64Tensor(shape.dims, values));
    return false;
  });
  return { ...graph, nodes, initializers };
}
