/**
 * The parts of a network that may be frozen or trained as a whole, from the input to the cut, with what each costs. Found
 * in any graph: named after its modules where they have names, else by the resolution that they work at.
 */
import { channelAxes } from "../graph/channels.ts";
import { cutGraph } from "../graph/cut.ts";
import { dataflow } from "../graph/dataflow.ts";
import { type Link, linksOf } from "../graph/links.ts";
import type { Graph, Node } from "../graph/model.ts";
import { nodeMultiplyAdds, type Shapes } from "../graph/multiply-adds.ts";
import { elementCount } from "../graph/tensor.ts";
import type { Stage } from "./architectures/definition.ts";
import { type ModulePath, moduleOfNode, moduleOfParameter } from "./module-names.ts";
import { parameterNames } from "./network.ts";
import { commonParts, type NamedLink, stageNames } from "./stage-names.ts";

/** A stage and its cost, for one picture. */
export interface StageCost extends Stage {
  readonly parameters: number;
  readonly multiplyAdds: number;
}

/** No stage found by resolution holds more of the network's multiply-adds than this, where it can be parted. */
const LARGEST_SHARE = 0.3;

interface Work extends Link, NamedLink {
  readonly parameters: number;
  readonly multiplyAdds: number;
  /** Positions of the map, or tokens, that its last layer works at. */
  readonly positions: number;
}

/**
 * The stages of a network in order; the last ends at the cut. Each does some multiply-adds, and each ends in the one tensor
 * that carries on.
 *
 * @param shapes of every tensor, for one picture
 */
export function stagesOf(graph: Graph, cut: string, shapes: Shapes): readonly StageCost[] {
  const part = cutGraph(graph, [{ name: cut, type: "float32" }]);
  const working = withWork(part, linksOf(part, cut), shapes);
  const names = stageNames(working);
  const parts = names ? groupBy(working, (_, i) => names[i]!) : byResolution(working);
  return parts.map((links, i) => ({
    name: names ? names[working.indexOf(links[0]!)]! : `stage${i + 1}`,
    output: links.at(-1)!.output,
    parameters: sum(links, ({ parameters }) => parameters),
    multiplyAdds: sum(links, ({ multiplyAdds }) => multiplyAdds),
  }));
}

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);

/** Neighbours with the same key, together. */
function groupBy<T>(items: readonly T[], keyOf: (item: T, index: number) => string | number): T[][] {
  const groups: { key: string | number; items: T[] }[] = [];
  items.forEach((item, i) => {
    const key = keyOf(item, i);
    const last = groups.at(-1);
    if (last?.key === key) last.items.push(item);
    else groups.push({ key, items: [item] });
  });
  return groups.map((group) => group.items);
}

/** Links with their costs, joined such that each does some work. */
function withWork(graph: Graph, links: readonly Link[], shapes: Shapes): Work[] {
  const channels = channelAxes(graph, shapes, dataflow(graph));
  const counted = new Set<string>();
  const parameters = new Set(parameterNames(graph));
  /** Parameters that a node is the first to read. */
  const ownParameters = (node: Node): string[] =>
    node.inputs.filter((name) => parameters.has(name) && !counted.has(name) && counted.add(name));
  return joined(links, shapes).map((link) => {
    const own = link.nodes.map((node) => ({
      node,
      names: ownParameters(node),
      multiplyAdds: nodeMultiplyAdds(node, shapes),
    }));
    const last = own.findLast(({ multiplyAdds }) => multiplyAdds > 0)?.node.outputs[0] ?? link.output;
    const dims = shapes.get(last)?.dims ?? [];
    const axis = channels.get(last) ?? 1;
    return {
      ...link,
      parameters: sum(
        own.flatMap(({ names }) => names),
        (name) => elementCount(graph.initializers.get(name)!.dims),
      ),
      multiplyAdds: sum(own, ({ multiplyAdds }) => multiplyAdds),
      modules: own.flatMap(({ node, names, multiplyAdds }) => {
        if (multiplyAdds === 0 && names.length === 0) return [];
        const path = moduleOf(node, names);
        return path ? [{ path, multiplyAdds }] : [];
      }),
      positions: elementCount(dims.filter((_, i) => i !== 0 && i !== axis)),
    };
  });
}

const moduleOf = (node: Node, parameters: readonly string[]): ModulePath | undefined =>
  moduleOfNode(node) ?? parameters.map(moduleOfParameter).find((found) => found !== undefined);

/**
 * Links without multiply-adds (activations, pooling, normalisation) go with the one before, but with the one after where
 * that is nearer by name: a stage may begin with its normalisation.
 */
function joined(links: readonly Link[], shapes: Shapes): Link[] {
  const isWorking = ({ nodes }: Link): boolean => nodes.some((node) => nodeMultiplyAdds(node, shapes) > 0);
  const result: Link[] = [];
  let pending: Link[] = [];
  const join = (parts: readonly Link[]): Link => ({
    nodes: parts.flatMap(({ nodes }) => nodes),
    output: parts.at(-1)!.output,
  });
  links.forEach((link, at) => {
    if (!isWorking(link)) {
      pending.push(link);
      return;
    }
    const before = result.pop();
    const named = links.slice(at).find((one) => isWorking(one) && pathsOf(one).length > 0) ?? link;
    // From the first that is nearer to what follows, all go there.
    const from = before ? pending.findIndex((idle) => nearness(idle, named) > nearness(idle, before)) : 0;
    const split = from < 0 ? pending.length : from;
    if (before) result.push(join([before, ...pending.slice(0, split)]));
    result.push(join([...pending.slice(split), link]));
    pending = [];
  });
  const last = result.pop();
  return last ? [...result, join([last, ...pending])] : pending.length > 0 ? [join(pending)] : [];
}

const pathsOf = ({ nodes }: Link): ModulePath[] => nodes.flatMap((node) => moduleOf(node, node.inputs) ?? []);

/** How many parts of their names two links share at most. */
function nearness(a: Link, b: Link): number {
  const theirs = pathsOf(b);
  return Math.max(0, ...pathsOf(a).flatMap(({ parts }) => theirs.map((other) => commonParts([parts, other.parts]))));
}

/** Stages where the resolution changes; a large one is parted into pieces of about the same work. */
function byResolution(working: readonly Work[]): Work[][] {
  const total = sum(working, ({ multiplyAdds }) => multiplyAdds);
  return groupBy(working, ({ positions }) => positions).flatMap((links) => {
    const share = sum(links, ({ multiplyAdds }) => multiplyAdds) / total;
    const pieces = Math.min(links.length, Math.ceil(share / LARGEST_SHARE));
    let done = 0;
    const pieceOf = (link: Work): number => {
      const middle = (done + link.multiplyAdds / 2) / total / share;
      done += link.multiplyAdds;
      return Math.min(pieces - 1, Math.floor(middle * pieces));
    };
    return groupBy(links, pieceOf);
  });
}
