/** Who reads a constant in the end, behind the nodes that exporters put between a weight and its layer. */
import type { Dataflow } from "../../graph/dataflow.ts";
import { type Lookup, lookup } from "../../graph/lookup.ts";
import type { Graph, Node } from "../../graph/model.ts";

/** One place where a constant meets values of the picture. */
export interface Use {
  readonly node: Node;
  /** Which of the node's inputs it is. */
  readonly position: number;
  /** The tensor that is read there: the constant itself, or what was made of it. */
  readonly tensor: string;
}

/** Operators that move a constant's values about, or put others beside them, and change none. */
const moving = new Set([
  ..."Transpose Reshape Flatten Squeeze Unsqueeze Identity Cast Expand Tile Slice Split Gather Concat Pad".split(" "),
]);

/** The uses of a constant. A node that computes with it before any picture does is a use too. */
export function usesOf(constant: string, graph: Graph, flow: Dataflow, made: Lookup = lookup(graph)): readonly Use[] {
  const uses: Use[] = [];
  const seen = new Set<string>();
  const pending = [constant];
  for (let tensor = pending.pop(); tensor !== undefined; tensor = pending.pop()) {
    if (seen.has(tensor)) continue;
    seen.add(tensor);
    for (const node of made.consumers(tensor)) {
      const isMoved = moving.has(node.op) && node.outputs.every((output) => flow.dependence(output) !== "values");
      if (isMoved && node.inputs[0] === tensor) pending.push(...node.outputs);
      else {
        const positions = node.inputs.flatMap((input, position) => (input === tensor ? [position] : []));
        // Read by a subgraph, where it has no position.
        for (const position of positions.length > 0 ? positions : [-1]) uses.push({ node, position, tensor });
      }
    }
  }
  return uses;
}
