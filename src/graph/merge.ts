/** Joins graphs: the outputs of one become the inputs of the next. */
import type { Attribute, Graph, Node, Value } from "./model.ts";

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
