/**
 * A graph as a chain: where only one tensor carries what was computed so far to what follows, the graph can be cut in
 * two. Between two such places lies a link: a layer, or a whole residual block, whose branches cannot be parted.
 */
import { type Dataflow, dataflow } from "./dataflow.ts";
import type { Graph, Node } from "./model.ts";

/** The nodes between two single-tensor places. */
export interface Link {
  /** In topological order: those that carry the picture, and those that make weights for them. */
  readonly nodes: readonly Node[];
  /** The one tensor in which it ends. */
  readonly output: string;
}

/**
 * The links of the graph that computes `target`, from its input on; shapes that are read from earlier tensors do not
 * count as carried.
 *
 * @param graph one that computes nothing but `target`
 */
export function linksOf(graph: Graph, target: string): readonly Link[] {
  const flow = dataflow(graph);
  const carrying = flow.nodes.filter(({ outputs }) => outputs.some((name) => flow.dependence(name) === "values"));
  const lastRead = new Map<string, number>([[target, carrying.length]]);
  carrying.forEach((node, at) => {
    for (const input of flow.data(node)) lastRead.set(input, Math.max(lastRead.get(input) ?? 0, at));
  });
  const weights = weightNodes(graph, carrying, flow);
  const links: Link[] = [];
  let nodes: Node[] = [];
  const live = new Set<string>(graph.inputs.map(({ name }) => name));
  carrying.forEach((node, at) => {
    nodes.push(...(weights.get(node) ?? []), node);
    for (const output of node.outputs) if ((lastRead.get(output) ?? -1) > at) live.add(output);
    for (const tensor of live) if ((lastRead.get(tensor) ?? -1) <= at) live.delete(tensor);
    const [only] = live;
    if (live.size !== 1 || only === undefined || !node.outputs.includes(only)) return;
    links.push({ nodes, output: only });
    nodes = [];
  });
  return links;
}

/** The nodes that make weights (dequantise, transpose, cast), each with the first node that needs it. */
function weightNodes(graph: Graph, carrying: readonly Node[], flow: Dataflow): ReadonlyMap<Node, readonly Node[]> {
  const makers = new Map(graph.nodes.flatMap((node) => node.outputs.map((output) => [output, node] as const)));
  const taken = new Set<Node>();
  return new Map(
    carrying.map((node) => {
      const own: Node[] = [];
      const pending = node.inputs.filter((input) => flow.dependence(input) !== "values");
      for (let tensor = pending.pop(); tensor !== undefined; tensor = pending.pop()) {
        const maker = makers.get(tensor);
        if (!maker || taken.has(maker) || flow.dependence(tensor) === "values") continue;
        taken.add(maker);
        own.unshift(maker);
        pending.push(...maker.inputs);
      }
      return [node, own];
    }),
  );
}
