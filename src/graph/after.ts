/** The part of a graph that follows a tensor, which becomes its input: the counterpart of cutting at an output. */
import { usageError } from "../base/errors.ts";
import { cutGraph } from "./cut.ts";
import type { Graph, Value } from "./model.ts";

/**
 * What computes the graph's outputs from `tensor`; whatever else it still reads of the graph's inputs stays an input.
 *
 * @param tensor declared as the new input
 * @throws GraftError (`usage`) where no node yields the tensor
 */
export function graphAfter(graph: Graph, tensor: Value): Graph {
  const nodes = graph.nodes.filter(({ outputs }) => !outputs.includes(tensor.name));
  if (nodes.length === graph.nodes.length)
    throw usageError(
      `The network has no tensor "${tensor.name}" to begin at: \`graft networks show FILE\` lists them.`,
    );
  return cutGraph({ ...graph, nodes, inputs: [tensor, ...graph.inputs] }, graph.outputs);
}
