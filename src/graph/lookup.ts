/** Which node makes a tensor, which nodes read it, and in which order nodes can run. Rewrites nothing. */
import { dataError } from "../base/errors.ts";
import type { Graph, Node } from "./model.ts";

/** Producers and consumers of the tensors of one graph. */
export interface Lookup {
  /** The node that outputs the tensor; undefined for inputs and initializers. */
  producer(tensor: string): Node | undefined;
  /** The nodes that read the tensor, in the graph's order. */
  consumers(tensor: string): readonly Node[];
}

/** The tensors that a node reads, including those that its subgraphs (If, Loop) read from the graph around them. */
export function tensorsRead(of: Node): readonly string[] {
  const captured = Object.values(of.attributes).flatMap((attribute) =>
    attribute.type === "graph" ? attribute.value.nodes.flatMap(tensorsRead) : [],
  );
  return [...of.inputs, ...captured].filter((name) => name !== "");
}

/** Indexes a graph for many lookups. */
export function lookup(graph: Graph): Lookup {
  const producers = new Map<string, Node>();
  const consumers = new Map<string, Node[]>();
  for (const node of graph.nodes) {
    for (const output of node.outputs) if (output !== "") producers.set(output, node);
    for (const input of new Set(tensorsRead(node))) {
      const readers = consumers.get(input);
      if (readers) readers.push(node);
      else consumers.set(input, [node]);
    }
  }
  return {
    producer: (tensor) => producers.get(tensor),
    consumers: (tensor) => consumers.get(tensor) ?? [],
  };
}

/** Sorts nodes so that each comes after the nodes whose outputs it reads. Throws a GraftError (`data`) if there is a cycle. */
export function inTopologicalOrder(nodes: readonly Node[]): Node[] {
  const makers = new Map(nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const state = new Map<Node, "open" | "done">();
  const ordered: Node[] = [];
  // Depth first without recursion: networks can be thousands of nodes deep.
  for (const root of nodes) {
    const stack: { node: Node; waiting: string[] }[] = [];
    const enter = (node: Node): void => {
      if (state.get(node) === "done") return;
      if (state.get(node) === "open") {
        throw dataError(`The graph is cyclic at node "${node.name}" (${node.op}): the model file is damaged.`);
      }
      state.set(node, "open");
      stack.push({ node, waiting: [...tensorsRead(node)] });
    };
    enter(root);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const tensor = top.waiting.shift();
      if (tensor === undefined) {
        stack.pop();
        state.set(top.node, "done");
        ordered.push(top.node);
        continue;
      }
      const maker = makers.get(tensor);
      if (maker) enter(maker);
    }
  }
  return ordered;
}
