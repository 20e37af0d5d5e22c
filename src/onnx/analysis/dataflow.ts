/**
 * How the nodes of a graph are connected: producers and consumers of each tensor, an order in which nodes can run, what each tensor
 * depends on, and where the graph can be cut. Rewrites nothing.
 */
import { dataError } from "../../base/errors.ts";
import type { Graph, Node } from "../model.ts";

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

// What each tensor depends on: nothing (constants and what is computed from them), only the shapes of the inputs, or
// their values. Separates a layer's data from its weights, even if an exporter put nodes between a weight and its layer.

/** From least to most; a tensor has the highest dependence of its inputs. */
export type Dependence = "nothing" | "shapes" | "values";

/** How the tensors of one graph depend on its inputs. */
export interface Dataflow {
  /** The nodes of the graph, each after those whose outputs it reads. */
  readonly nodes: readonly Node[];
  /** What a tensor depends on; `nothing` for unknown names. */
  dependence(tensor: string): Dependence;
  /** The inputs of a node that depend on the values of the graph's inputs: its data, in order. */
  data(node: Node): readonly string[];
}

const rank: Readonly<Record<Dependence, number>> = { nothing: 0, shapes: 1, values: 2 };
/** Operators whose result depends on a shape, not on values. */
const shapeReaders = new Set(["Shape", "Size"]);
/** Operators without inputs whose result is not constant. */
const sources = new Set(["RandomNormal", "RandomUniform"]);

/** Analyses every tensor of a graph. Throws a GraftError (`data`) if the graph has a cycle. */
export function dataflow(graph: Graph): Dataflow {
  const known = new Map<string, Dependence>(graph.inputs.map(({ name }) => [name, "values"]));
  const dependence = (tensor: string): Dependence => known.get(tensor) ?? "nothing";
  const nodes = inTopologicalOrder(graph.nodes);
  for (const node of nodes) {
    let most: Dependence = sources.has(node.op) ? "values" : "nothing";
    for (const input of tensorsRead(node)) if (rank[dependence(input)] > rank[most]) most = dependence(input);
    if (shapeReaders.has(node.op) && most === "values") most = "shapes";
    for (const output of node.outputs) if (output !== "") known.set(output, most);
  }
  return {
    nodes,
    dependence,
    data: (node) => tensorsRead(node).filter((input) => dependence(input) === "values"),
  };
}

// A graph as a chain of links: it can be cut wherever a single tensor carries everything computed so far. A link is what is between
// two such places: a layer, or a residual block whose branches cannot be separated.

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
  const { producer } = lookup(graph);
  const taken = new Set<Node>();
  return new Map(
    carrying.map((node) => {
      const own: Node[] = [];
      const pending = node.inputs.filter((input) => flow.dependence(input) !== "values");
      for (let tensor = pending.pop(); tensor !== undefined; tensor = pending.pop()) {
        const maker = producer(tensor);
        if (!maker || taken.has(maker) || flow.dependence(tensor) === "values") continue;
        taken.add(maker);
        own.unshift(maker);
        pending.push(...maker.inputs);
      }
      return [node, own];
    }),
  );
}
