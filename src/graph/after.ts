/** The part of a graph after a tensor, which becomes an input: the counterpart of cutting at an output. */
import { usageError } from "../base/errors.ts";
import { cutGraph } from "./cut.ts";
import type { Graph, Value } from "./model.ts";

/**
 * The part of a graph that computes its outputs from `tensor`. Other graph inputs that this part reads stay inputs.
 *
 * @param tensor declared as the new input
 * @throws GraftError (`usage`) if no node outputs the tensor
 */
export function graphAfter(graph: Graph, tensor: Value): Graph {
  const nodes = graph.nodes.filter(({ outputs }) => !outputs.includes(tensor.name));
  if (nodes.length === graph.nodes.length)
    throw usageError(
      `The network has no tensor "${tensor.name}" to start at: \`graft networks show FILE\` lists its tensors.`,
    );
  return cutGraph({ ...graph, nodes, inputs: [tensor, ...graph.inputs] }, graph.outputs);
}
