/** Finds the nodes that use a constant, after those that exporters put between a weight and its layer. */
import type { Dataflow } from "../../graph/dataflow.ts";
import { type Lookup, lookup } from "../../graph/lookup.ts";
import type { Graph, Node } from "../../graph/model.ts";

/** A node that combines a constant with values that depend on the image. */
export interface Use {
  readonly node: Node;
  /** The index of the node's input; −1 in a subgraph. */
  readonly position: number;
  /** The tensor that the node reads: the constant, or one computed from it. */
  readonly tensor: string;
}

/** Operators that rearrange or extend a constant without changing its values. */
const moving = new Set([
  ..."Transpose Reshape Flatten Squeeze Unsqueeze Identity Cast Expand Tile Slice Split Gather Concat Pad".split(" "),
]);

/** The uses of a constant. A node that computes with constants only is a use too. */
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
        // In a subgraph, it has no position.
        for (const position of positions.length > 0 ? positions : [-1]) uses.push({ node, position, tensor });
      }
    }
  }
  return uses;
}
