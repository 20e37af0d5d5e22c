/** Cuts a graph at tensors: keeps what is needed to compute them and removes everything after them. */
import { usageError } from "../base/errors.ts";
import { inTopologicalOrder, lookup, tensorsRead } from "./lookup.ts";
import type { Graph, Node, Value } from "./model.ts";

/**
 * The part of a graph that computes `outputs`, without unused inputs and initializers.
 *
 * @param outputs the tensors at which the graph ends, declared with type and shape
 * @throws GraftError (`usage`) if the graph has no tensor of that name; (`data`) if the graph has a cycle
 */
export function cutGraph(graph: Graph, outputs: readonly Value[]): Graph {
  const { producer } = lookup(graph);
  const inputs = new Set(graph.inputs.map(({ name }) => name));
  const needed = new Set<Node>();
  const tensors = new Set<string>();
  const pending = outputs.map(({ name }) => name);
  for (const name of pending) {
    if (!producer(name) && !inputs.has(name)) {
      throw usageError(
        `The network has no tensor "${name}" to cut at: \`graft networks show FILE\` lists the tensors at which its stages end.`,
      );
    }
  }
  for (let tensor = pending.pop(); tensor !== undefined; tensor = pending.pop()) {
    if (tensors.has(tensor)) continue;
    tensors.add(tensor);
    const node = producer(tensor);
    if (!node || needed.has(node)) continue;
    needed.add(node);
    pending.push(...tensorsRead(node));
  }
  return {
    name: graph.name,
    nodes: inTopologicalOrder(graph.nodes.filter((node) => needed.has(node))),
    inputs: graph.inputs.filter(({ name }) => tensors.has(name)),
    outputs,
    initializers: new Map([...graph.initializers].filter(([name]) => tensors.has(name))),
  };
}
