/**
 * Names stages after the network's modules, if the exporter kept their names and they follow one another. The depth (`blocks`, or
 * `blocks.0` to `blocks.11`) depends on where the layers are.
 */
import type { Node } from "../../onnx/model.ts";

/** The modules of a link's layers, each with its multiply-adds. */
export interface NamedLink {
  readonly modules: readonly { readonly path: ModulePath; readonly multiplyAdds: number }[];
}

/** A module with more than this share of all layers is replaced by its parts. */
const DOMINANT = 0.8;
/** Flat names must reduce the number of links to at most this share. */
const GROUPED = 0.75;
/** A useful list of stages has at least and at most so many names. */
const FEWEST = 3;
const MOST = 40;

/** Keras' flat layer names begin with their block: `block5_conv2`, `res5a_branch2a`, `expanded_conv_3_project`. */
const flatBlock =
  /^(?!conv\dd)((?:block|conv|res|stage|stack|mixed|layer|expanded_conv|inception|fire)_?\d*)(?:[a-z]?_|[a-z]?$)/i;

/** One name per link, in order, with equal names next to each other; undefined if the modules' names are not usable. */
export function stageNames(links: readonly NamedLink[]): readonly string[] | undefined {
  const named = links.filter(({ modules }) => modules.length > 0);
  if (named.length <= links.length / 2) return undefined;
  if (named.length < links.length) {
    const names = stageNames(named);
    // A layer without a name belongs to the next one that has a name.
    const next = (from: number): NamedLink | undefined => named.find((link) => links.indexOf(link) >= from);
    return names && links.map((_, i) => names[named.indexOf(next(i) ?? named.at(-1)!)]!);
  }
  const all = links.flatMap(({ modules }) => modules.map(({ path }) => path));
  return all.every(({ parts }) => parts.length === 1) ? flatNames(links) : nestedNames(links, all);
}

/** The names without repetitions of the one before. */
const runsOf = (names: readonly string[]): string[] => names.filter((name, i) => name !== names[i - 1]);

/** The names, if they form a useful list in which no name returns later. */
function usable(names: readonly string[]): readonly string[] | undefined {
  const runs = runsOf(names);
  return new Set(runs).size === runs.length && runs.length >= FEWEST && runs.length <= MOST ? names : undefined;
}

function flatNames(links: readonly NamedLink[]): readonly string[] | undefined {
  const names = links.map(({ modules }) =>
    heaviest(modules, ({ parts: [name = ""] }) => flatBlock.exec(name)?.[1] ?? ""),
  );
  // Names that group few links are those of single layers.
  return !names.includes("") && runsOf(names).length <= GROUPED * links.length ? usable(names) : undefined;
}

/** Names by the first part of the module's path; modules with nearly all layers get one part more. */
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

/** The name with most of the link's multiply-adds. */
function heaviest(modules: NamedLink["modules"], nameOf: (path: ModulePath) => string): string {
  const work = new Map<string, number>();
  for (const { path, multiplyAdds } of modules) {
    const name = nameOf(path);
    work.set(name, (work.get(name) ?? 0) + multiplyAdds + 1);
  }
  return [...work].sort(([, a], [, b]) => b - a)[0]?.[0] ?? "";
}

/** The number of leading parts that all paths share. */
export function commonParts(paths: readonly (readonly string[])[]): number {
  const [first = []] = paths;
  const different = first.findIndex((part, i) => paths.some((parts) => parts[i] !== part));
  return different < 0 ? first.length : different;
}

// The module that a node belongs to, from the names that exporters keep: PyTorch's modules in the names of nodes
// (`/layer1/layer1.0/conv1/Conv`) or of parameters (`layer1.0.conv1.weight`), TensorFlow's scopes
// (`Model/Mixed_7c/Branch_2/Conv2D`), Keras' layers (`block5_conv2`, `res5a_branch2a`).

/** The last part of a parameter's name, its role; the module's name is before it. */
const parameterRoles =
  /[./](?:\w*(?:weights?|bias|kernel|gamma|beta|scale|(?:running|moving)_(?:mean|var|variance))(?:_\w+)?|BiasAdd|Conv2D\w*|MatMul)(?:[./:].*)?$/i;
/** Names that an exporter generated; they carry no meaning. */
const madeUp = /^(?:onnx::|node_|val_|Constant_|[A-Z]\w*_\d+$|t?\d+\b|n\d+$)/;

/** The path of a module: `["layer1", "0", "conv1"]`. `scopes` are TensorFlow's; their first parts are names of the whole network. */
export interface ModulePath {
  readonly parts: readonly string[];
  readonly kind: "modules" | "scopes";
}

const path = (text: string, kind: ModulePath["kind"]): ModulePath | undefined => {
  const parts = text.split(kind === "scopes" ? "/" : /[./]/).filter((part) => part !== "");
  return parts.length > 0 ? { parts, kind } : undefined;
};

/** The module that a parameter belongs to: `layer1.0.conv1.weight` → `layer1.0.conv1`. */
export function moduleOfParameter(name: string): ModulePath | undefined {
  if (madeUp.test(name) || !parameterRoles.test(name)) return undefined;
  return path(name.replace(parameterRoles, ""), name.includes("/") && !name.startsWith("/") ? "scopes" : "modules");
}

/** The module that a node belongs to; undefined if its name is not a path. */
export function moduleOfNode({ name, op }: Node): ModulePath | undefined {
  if (madeUp.test(name)) return undefined;
  const given = name.split("/").filter((part) => part !== "");
  // A path ends with the operator (`/conv1/Conv`) or with the layer itself (`block1_conv1`).
  if (given.length > 1 || given[0] === op) given.pop();
  if (!name.startsWith("/") && name.includes("/")) return path(given.join("/"), "scopes");
  // PyTorch repeats the parents of a module: `/layer1/layer1.0/conv1`.
  const parts: string[] = [];
  for (const part of given) {
    const last = parts.at(-1);
    if (last !== undefined && part.startsWith(`${last}.`)) parts[parts.length - 1] = part;
    else parts.push(part);
  }
  return path(parts.join("."), "modules");
}

/** A path as its framework writes it. */
export const pathName = ({ parts, kind }: ModulePath): string => parts.join(kind === "scopes" ? "/" : ".");

/** The name of a layer for display: its module, otherwise its own name, otherwise its operator. */
export function layerName(node: Node, weight: string | undefined): string {
  const module = (weight === undefined ? undefined : moduleOfParameter(weight)) ?? moduleOfNode(node);
  return module ? pathName(module) : node.name || node.op;
}
