/**
 * The stages of a network, parts that are frozen or trained as a whole, from the input to the cut, with their costs. Architectures
 * that Graft builds name their stages; in other graphs they are found by the names of modules, or by resolution.
 */
import { cutGraph } from "../graph/cut.ts";
import { type Link, linksOf } from "../graph/links.ts";
import type { Graph } from "../graph/model.ts";
import type { Shapes } from "../graph/multiply-adds.ts";
import type { Stage } from "./architectures/definition.ts";
import { stageNames } from "./stage-names.ts";
import { joinIdleLinks, type LinkCost, linkCosts, sum } from "./stage-work.ts";

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
