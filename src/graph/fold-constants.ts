/**
 * Turns `Constant` nodes, and `Identity` of constants, into initializers, so that weights and shapes are in one place. The graph
 * computes the same.
 */
import type { Attribute, Graph, Node } from "./model.ts";
import { float32Tensor, int64Tensor, type Tensor } from "./tensor.ts";

/** The forms of a `Constant` node, by attribute. Texts and sparse tensors stay nodes. */
const forms: Readonly<Record<string, (value: Attribute) => Tensor | undefined>> = {
  value: (of) => (of.type === "tensor" ? of.value : undefined),
  value_float: (of) => (of.type === "float" ? float32Tensor([], [of.value]) : undefined),
  value_floats: (of) => (of.type === "floats" ? float32Tensor([of.value.length], of.value) : undefined),
  value_int: (of) => (of.type === "int" ? int64Tensor([], [of.value]) : undefined),
  value_ints: (of) => (of.type === "ints" ? int64Tensor([of.value.length], of.value) : undefined),
};

function constantOf(node: Node): Tensor | undefined {
  if (node.op !== "Constant" || node.domain !== "") return undefined;
  const [name, value] = Object.entries(node.attributes)[0] ?? [];
  return name === undefined || value === undefined ? undefined : forms[name]?.(value);
}

/** The same graph with its constants as initializers. Subgraphs stay unchanged. */
export function foldConstants(graph: Graph): Graph {
  const initializers = new Map(graph.initializers);
  const aliases = new Map<string, string>();
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    const output = node.outputs[0] ?? "";
    const tensor = constantOf(node) ?? (node.op === "Identity" ? initializers.get(node.inputs[0] ?? "") : undefined);
    if (!tensor || outputs.has(output)) {
      nodes.push(node);
      continue;
    }
    // Readers of an Identity use the first name of its constant, so that a shared weight counts once.
    const source = node.op === "Identity" ? (aliases.get(node.inputs[0]!) ?? node.inputs[0]!) : undefined;
    initializers.set(output, tensor);
    if (source !== undefined) aliases.set(output, source);
  }
  if (nodes.length === graph.nodes.length) return graph;
  const captured = new Set(nodes.flatMap(capturedNames));
  const read = (input: string): string => aliases.get(input) ?? input;
  for (const alias of aliases.keys()) if (!captured.has(alias)) initializers.delete(alias);
  return { ...graph, initializers, nodes: nodes.map((node) => ({ ...node, inputs: node.inputs.map(read) })) };
}

/** Every name that the subgraphs of a node read. */
const capturedNames = (node: Node): string[] =>
  Object.values(node.attributes).flatMap((attribute) =>
    attribute.type === "graph"
      ? attribute.value.nodes.flatMap((inner) => [...inner.inputs, ...capturedNames(inner)])
      : [],
  );
