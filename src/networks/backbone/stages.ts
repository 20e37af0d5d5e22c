/**
 * The stages of a network, parts that are frozen or trained as a whole, from the input to the cut, with their costs. Architectures
 * that Graft builds name their stages; in other graphs they are found by the names of modules, or by resolution.
 */

import { channelAxes } from "../../onnx/analysis/axes.ts";
import { dataflow, type Link, linksOf } from "../../onnx/analysis/dataflow.ts";
import { nodeMultiplyAdds, type Shapes } from "../../onnx/analysis/multiply-adds.ts";
import { elementCount, type Graph, type Node } from "../../onnx/model.ts";
import { cutGraph } from "../../onnx/passes/cut-and-merge.ts";
import type { Stage } from "../architectures/definition.ts";
import { parameterNames } from "../network.ts";
import {
  commonParts,
  type ModulePath,
  moduleOfNode,
  moduleOfParameter,
  type NamedLink,
  stageNames,
} from "./stage-names.ts";

/** A stage and its cost for one image. */
export interface StageCost extends Stage {
  readonly parameters: number;
  readonly multiplyAdds: number;
}

/** The largest share of the network's multiply-adds in a stage found by resolution; larger ones are split if possible. */
const LARGEST_SHARE = 0.3;

/**
 * The stages of a network in order. Each ends in the only tensor that the next one reads; the last ends at the cut.
 *
 * @param shapes of every tensor, for one image
 * @param given the stages that the network's architecture names. Default: found in the graph; each has some multiply-adds
 */
export function stagesOf(graph: Graph, cut: string, shapes: Shapes, given?: readonly Stage[]): readonly StageCost[] {
  const part = cutGraph(graph, [{ name: cut, type: "float32" }]);
  const links = linksOf(part, cut);
  if (given) return namedParts(linkCosts(part, links, shapes), given);
  const working = linkCosts(part, joinIdleLinks(links, shapes), shapes);
  const names = stageNames(working);
  const parts = names ? groupBy(working, (_, i) => names[i]!) : byResolution(working);
  return parts.map((own, i) => costOf(names ? names[working.indexOf(own[0]!)]! : `stage${i + 1}`, own));
}

const costOf = (name: string, links: readonly LinkCost[]): StageCost => ({
  name,
  output: links.at(-1)!.output,
  parameters: sum(links, ({ parameters }) => parameters),
  multiplyAdds: sum(links, ({ multiplyAdds }) => multiplyAdds),
});

/** The given stages up to the cut. A cut inside a stage ends it there; what follows the last stage belongs to it. */
function namedParts(links: readonly LinkCost[], given: readonly Stage[]): StageCost[] {
  let at = 0;
  const stageOf = ({ output }: Link): number => {
    const own = at;
    if (output === given[at]?.output && at < given.length - 1) at++;
    return own;
  };
  const owners = links.map(stageOf);
  return groupBy(links, (_, i) => owners[i]!).map((own, i) => costOf(given[i]!.name, own));
}

/** Groups neighbours with the same key. */
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

/** One stage per resolution; a large one is split into pieces of about equal work. */
function byResolution(working: readonly LinkCost[]): LinkCost[][] {
  const total = sum(working, ({ multiplyAdds }) => multiplyAdds);
  return groupBy(working, ({ positions }) => positions).flatMap((links) => {
    const share = sum(links, ({ multiplyAdds }) => multiplyAdds) / total;
    const pieces = Math.min(links.length, Math.ceil(share / LARGEST_SHARE));
    let done = 0;
    const pieceOf = (link: LinkCost): number => {
      const middle = (done + link.multiplyAdds / 2) / total / share;
      done += link.multiplyAdds;
      return Math.min(pieces - 1, Math.floor(middle * pieces));
    };
    return groupBy(links, pieceOf);
  });
}

// The cost and the modules of each link of a network; stages consist of links.

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
