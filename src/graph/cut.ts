/** Cutting a graph at tensors: what is needed to compute them stays, everything after them goes. */
import { dataError, usageError } from "../base/errors.ts";
import { lookup, tensorsRead } from "./lookup.ts";
import type { Graph, Node, Value } from "./model.ts";

/**
 * The part of a graph that computes `outputs`; unused inputs and initializers are dropped.
 *
 * @param outputs the tensors where the graph shall end, declared with type and shape
 * @throws GraftError (`usage`) where the graph has no tensor of that name; (`data`) where the graph is cyclic
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
        `The network has no tensor "${name}" to cut at: \`graft networks show FILE\` lists those where its stages end.`,
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

/** Nodes so ordered that each comes after those whose outputs it reads. Throws a data error on a cycle. */
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
