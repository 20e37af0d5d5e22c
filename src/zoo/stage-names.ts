/**
 * Names for the parts of a chain of links: those of the network's modules where its exporter left them and they follow one
 * another, nothing where they do not. How deep to look (`blocks`, or `blocks.0` to `blocks.11`) is told by where the layers are.
 */

import { type ModulePath, pathName } from "./module-names.ts";

/** What is known of a link that does work: the modules of its layers, each with the multiply-adds under it. */
export interface NamedLink {
  readonly modules: readonly { readonly path: ModulePath; readonly multiplyAdds: number }[];
}

/** A module that holds more than this share of all layers says nothing: its parts are named instead. */
const DOMINANT = 0.8;
/** Flat names must leave at most this share of the links. */
const GROUPED = 0.75;
/** Fewer or more names than these make no useful list of stages. */
const FEWEST = 3;
const MOST = 40;

/** Keras' layers have flat names that begin with their block: `block5_conv2`, `res5a_branch2a`, `expanded_conv_3_project`. */
const flatBlock =
  /^(?!conv\dd)((?:block|conv|res|stage|stack|mixed|layer|expanded_conv|inception|fire)_?\d*)(?:[a-z]?_|[a-z]?$)/i;

/** One name a link, in order, such that equal names are neighbours; nothing where the names do not tell. */
export function stageNames(links: readonly NamedLink[]): readonly string[] | undefined {
  const named = links.filter(({ modules }) => modules.length > 0);
  if (named.length <= links.length / 2) return undefined;
  if (named.length < links.length) {
    const names = stageNames(named);
    // A layer that lost its name belongs with what follows it.
    const next = (from: number): NamedLink | undefined => named.find((link) => links.indexOf(link) >= from);
    return names && links.map((_, i) => names[named.indexOf(next(i) ?? named.at(-1)!)]!);
  }
  const all = links.flatMap(({ modules }) => modules.map(({ path }) => path));
  return all.every(({ parts }) => parts.length === 1) ? flatNames(links) : nestedNames(links, all);
}

/** Names that change from one stage to the next, without those repeated. */
const runsOf = (names: readonly string[]): string[] => names.filter((name, i) => name !== names[i - 1]);

/** The names if they make a useful list, in which none comes back after another. */
function usable(names: readonly string[]): readonly string[] | undefined {
  const runs = runsOf(names);
  return new Set(runs).size === runs.length && runs.length >= FEWEST && runs.length <= MOST ? names : undefined;
}

function flatNames(links: readonly NamedLink[]): readonly string[] | undefined {
  const names = links.map(({ modules }) =>
    heaviest(modules, ({ parts: [name = ""] }) => flatBlock.exec(name)?.[1] ?? ""),
  );
  // Names that bring little together are those of single layers.
  return !names.includes("") && runsOf(names).length <= GROUPED * links.length ? usable(names) : undefined;
}

/** Modules by their first part; those that hold nearly everything, or all that there is, by one part more. */
function nestedNames(links: readonly NamedLink[], all: readonly ModulePath[]): readonly string[] | undefined {
  const shared = all.every(({ kind }) => kind === "scopes") ? commonParts(all.map(({ parts }) => parts)) : 0;
  const opened = new Set<string>();
  const nameOf = ({ parts, kind }: ModulePath): string => {
    let depth = Math.min(shared + 1, parts.length);
    const name = (): string => pathName({ parts: parts.slice(Math.min(shared, depth - 1), depth), kind });
    while (depth < parts.length && opened.has(name())) depth++;
    return name();
  };
  for (;;) {
    const names = links.map(({ modules }) => heaviest(modules, nameOf));
    const counts = new Map<string, number>();
    for (const path of all) counts.set(nameOf(path), (counts.get(nameOf(path)) ?? 0) + 1);
    const [largest, count] = [...counts].filter(([name]) => !opened.has(name)).sort(([, a], [, b]) => b - a)[0] ?? [];
    const isTooCoarse = count !== undefined && (count > DOMINANT * all.length || runsOf(names).length < FEWEST);
    if (largest === undefined || !isTooCoarse) return usable(names);
    opened.add(largest);
  }
}

/** The name under which most of the link's work is done. */
function heaviest(modules: NamedLink["modules"], nameOf: (path: ModulePath) => string): string {
  const work = new Map<string, number>();
  for (const { path, multiplyAdds } of modules) {
    const name = nameOf(path);
    work.set(name, (work.get(name) ?? 0) + multiplyAdds + 1);
  }
  return [...work].sort(([, a], [, b]) => b - a)[0]?.[0] ?? "";
}

/** How many parts all paths begin with. */
export function commonParts(paths: readonly (readonly string[])[]): number {
  const [first = []] = paths;
  const different = first.findIndex((part, i) => paths.some((parts) => parts[i] !== part));
  return different < 0 ? first.length : different;
}
