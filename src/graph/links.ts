/**
 * A graph as a chain of links: it can be cut in two wherever a single tensor carries everything computed so far. A link is what is
 * between two such places: a layer, or a residual block whose branches cannot be separated.
 */
import { type Dataflow, dataflow } from "./dataflow.ts";
import type { Graph, Node } from "./model.ts";

/** The nodes between two places at which the graph can be cut. */
export interface Link {
  /** In topological order: the nodes that process the image, and those that prepare their weights. */
  readonly nodes: readonly Node[];
  /** The single tensor at its end. */
  readonly output: string;
}

/**
 * The links of the graph that computes `target`, from its input on. Reading the shape of an earlier tensor does not count as a
 * connection.
 *
 * @param graph must compute only `target`
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

/** The nodes that prepare weights (dequantise, transpose, cast), each assigned to the first node that needs it. */
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
