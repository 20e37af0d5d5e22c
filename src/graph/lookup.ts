/** Who makes a tensor and who reads it: the questions that every rewrite of a graph asks. */
import type { Graph, Node } from "./model.ts";

/** Producers and consumers of the tensors of one graph. */
export interface Lookup {
  /** The node that yields the tensor; nothing for inputs and initializers. */
  producer(tensor: string): Node | undefined;
  /** The nodes that read the tensor, in the graph's order. */
  consumers(tensor: string): readonly Node[];
}

/** Tensors that the subgraphs of a node (If, Loop) take from the graph around them count as read by the node. */
export function tensorsRead(of: Node): readonly string[] {
  const captured = Object.values(of.attributes).flatMap((attribute) =>
    attribute.type === "graph" ? attribute.value.nodes.flatMap(tensorsRead) : [],
  );
  return [...of.inputs, ...captured].filter((name) => name !== "");
}

/** Indexes a graph once, for many look-ups. */
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
