/** The cost and the modules of each link of a network. Stages are made of these. */
import { channelAxes } from "../graph/channels.ts";
import { dataflow } from "../graph/dataflow.ts";
import type { Link } from "../graph/links.ts";
import type { Graph, Node } from "../graph/model.ts";
import { nodeMultiplyAdds, type Shapes } from "../graph/multiply-adds.ts";
import { elementCount } from "../graph/tensor.ts";
import { type ModulePath, moduleOfNode, moduleOfParameter } from "./module-names.ts";
import { parameterNames } from "./network.ts";
import { commonParts, type NamedLink } from "./stage-names.ts";

/** A link with its costs. */
export interface LinkCost extends Link, NamedLink {
  readonly parameters: number;
  readonly multiplyAdds: number;
  /** Positions of the map, or tokens, in the output of its last layer. */
  readonly positions: number;
}

export const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);

/** Links with their costs; a parameter counts at its first reader. */
export function linkCosts(graph: Graph, links: readonly Link[], shapes: Shapes): LinkCost[] {
  const channels = channelAxes(graph, shapes, dataflow(graph));
  const counted = new Set<string>();
  const parameters = new Set(parameterNames(graph));
  /** Parameters whose first reader is this node. */
  const ownParameters = (node: Node): string[] =>
    node.inputs.filter((name) => parameters.has(name) && !counted.has(name) && counted.add(name));
  return links.map((link) => {
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
 * Joins links so that each does some work. Links without multiply-adds (activations, pooling, normalisation) join the one before, or
 * the one after if its name is closer: a stage may begin with its normalisation.
 */
export function joinIdleLinks(links: readonly Link[], shapes: Shapes): Link[] {
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
    // From the first that is closer to the next link, all join that one.
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

/** The largest number of leading name parts that two links share. */
function nearness(a: Link, b: Link): number {
  const theirs = pathsOf(b);
  return Math.max(0, ...pathsOf(a).flatMap(({ parts }) => theirs.map((other) => commonParts([parts, other.parts]))));
}
