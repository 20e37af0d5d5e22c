/**
 * Cuts graphs at tensors, renames their tensors, and joins them: keeps what is needed for given outputs or what follows a tensor, and
 * appends one graph to another. Changes no operation.
 */
import { usageError } from "../../base/errors.ts";
import { inTopologicalOrder, lookup, tensorsRead } from "../analysis/dataflow.ts";
import type { Attribute, Graph, Node, Value } from "../model.ts";

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

// The part of a graph after a tensor, which becomes an input.

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

// Joining: the outputs of one graph become the inputs of the next.

/** The same graph with every tensor and node renamed, including those of subgraphs. */
export function renameTensors(graph: Graph, rename: (tensor: string) => string): Graph {
  const renamed = (name: string): string => (name === "" ? "" : rename(name));
  const renameValue = (value: Value): Value => ({ ...value, name: renamed(value.name) });
  const renameAttribute = (attribute: Attribute): Attribute =>
    attribute.type === "graph" ? { type: "graph", value: renameTensors(attribute.value, rename) } : attribute;
  const renameNode = (node: Node): Node => ({
    ...node,
    name: renamed(node.name),
    inputs: node.inputs.map(renamed),
    outputs: node.outputs.map(renamed),
    attributes: Object.fromEntries(Object.entries(node.attributes).map(([k, v]) => [k, renameAttribute(v)])),
  });
  return {
    name: graph.name,
    nodes: graph.nodes.map(renameNode),
    inputs: graph.inputs.map(renameValue),
    outputs: graph.outputs.map(renameValue),
    initializers: new Map([...graph.initializers].map(([name, tensor]) => [renamed(name), tensor])),
  };
}

/**
 * Appends `second` to `first`. All inputs of `second` must be tensors of `first`, by name.
 * The result has the inputs of `first`, and the outputs of `second` followed by `alsoOutput`.
 *
 * @throws RangeError if both define a tensor of the same name, or `second` needs one that `first` lacks
 */
export function attach(first: Graph, second: Graph, alsoOutput: readonly Value[] = []): Graph {
  const defined = new Set([
    ...first.inputs.map(({ name }) => name),
    ...first.initializers.keys(),
    ...first.nodes.flatMap(({ outputs }) => outputs),
  ]);
  for (const { name } of second.inputs) {
    if (!defined.has(name)) throw new RangeError(`"${second.name}" needs "${name}", which "${first.name}" lacks.`);
  }
  const added = [...second.initializers.keys(), ...second.nodes.flatMap(({ outputs }) => outputs)];
  const twice = added.find((name) => name !== "" && defined.has(name));
  if (twice !== undefined) throw new RangeError(`Both "${first.name}" and "${second.name}" define "${twice}".`);
  return {
    name: first.name,
    nodes: [...first.nodes, ...second.nodes],
    inputs: first.inputs,
    outputs: [...second.outputs, ...alsoOutput],
    initializers: new Map([...first.initializers, ...second.initializers]),
  };
}
