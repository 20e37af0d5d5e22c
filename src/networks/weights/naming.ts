/**
 * Namings of parameters: for each parameter of Graft (timm's names), its name and layout in the files of another library. The rules of
 * each family are in the files beside this one.
 */
import type { Definition, Dialect } from "../architectures/definition.ts";
import { STEP_COUNT } from "../architectures/definition-weights.ts";
import { hwio, io, type Layout, same } from "./weight-layout.ts";

/** A library whose parameter names Graft knows. */
export type NamingKind = "timm" | "torchvision" | "keras";

/** The arithmetic of a library's weights. */
export const dialectOf: Readonly<Record<NamingKind, Dialect>> = { timm: "timm", torchvision: "timm", keras: "keras" };

/** A parameter in a file. */
export interface Source {
  /** Its name today, then the library's earlier names. */
  readonly names: readonly string[];
  readonly layout: Layout;
  /** Added to every element: adjusts a batch norm's variance to Graft's epsilon, so that their sum stays the same. */
  readonly add?: number | undefined;
}

/** How a library names one architecture's parameters. */
export interface Naming {
  readonly kind: NamingKind;
  /** The place of Graft's parameter of that name and shape; undefined if these files do not have it. */
  source(name: string, dims: readonly number[]): Source | undefined;
  /** The axis of the classes in the weight of a file's classifier: the first or the last. */
  readonly classesAxis: 0 | -1;
  /** Entries of such files that are not parameters of the network. */
  readonly ignored: readonly RegExp[];
  /** Whether files list layers in the order of Graft's parameters, so that layers of unknown names can be matched by position. */
  readonly inOrder: boolean;
  /** Parameters besides the classifier's that files without a classifier omit. */
  readonly top: readonly RegExp[];
}

/**
 * A rule for names that match `pattern`: the match is replaced by the template; a function receives the groups and returns the whole
 * name, or several names.
 */
export type Row = readonly [
  pattern: RegExp,
  replacement: string | ((...groups: string[]) => string | readonly string[]),
  layout?: Layout,
];

/** The rules for a definition; some depend on its name or on the parts of its blocks. */
export type Rows = (definition: Definition) => readonly Row[];

/** Applies the first rule that matches. */
function rename(
  rows: readonly Row[],
  name: string,
): { names: readonly string[]; layout: Layout | undefined } | undefined {
  for (const [pattern, replacement, layout] of rows) {
    const match = pattern.exec(name);
    if (!match) continue;
    const made = typeof replacement === "string" ? name.replace(pattern, replacement) : replacement(...match.slice(1));
    return { names: typeof made === "string" ? [made] : made, layout };
  }
  return undefined;
}

/** timm's names, which are Graft's own. */
export const timm = ({ ignored = [] }: Definition): Naming => ({
  kind: "timm",
  source: (name) => ({ names: [name], layout: same }),
  classesAxis: 0,
  ignored: [STEP_COUNT, ...ignored],
  inOrder: false,
  top: [],
});

/** torchvision's names, from rules for whole names. A name without a rule is unchanged. */
export const torchvision =
  (rows: Rows, { epsilonGap = 0 }: { readonly epsilonGap?: number | undefined } = {}) =>
  (definition: Definition): Naming => {
    const all = rows(definition);
    return {
      ...timm(definition),
      kind: "torchvision",
      source(name) {
        const { names = [name], layout = same } = rename(all, name) ?? {};
        return { names, layout, add: epsilonGap > 0 && name.endsWith(".running_var") ? epsilonGap : undefined };
      },
    };
  };

/** Keras' names for the variables of convolutions, dense layers and normalisations. */
const learned: Readonly<Record<string, string>> = { weight: "kernel", bias: "bias", gamma: "gamma" };
const normalised: Readonly<Record<string, string>> = {
  weight: "gamma",
  bias: "beta",
  running_mean: "moving_mean",
  running_var: "moving_variance",
};

/** The variables of Keras' own preprocessing layers. */
const PREPROCESSING = /^normalization(_\d+)?\//;

/**
 * Keras' names `layer/variable`, from rules for modules: `layer1.0.conv1` → `conv2_block1_1_conv`. A rule may return several names,
 * today's first. The rules must cover every module.
 */
export const keras =
  (rows: Rows, { top = [], inOrder = false }: Partial<Pick<Naming, "top" | "inOrder">> = {}) =>
  (definition: Definition): Naming => {
    const all = rows(definition);
    return {
      kind: "keras",
      source(name, dims) {
        const dot = name.lastIndexOf(".");
        const found = rename(all, name.slice(0, dot));
        const role = definition.parameters.get(name)?.role;
        const variables = role === "norm" || role === "running" ? normalised : learned;
        const variable = variables[name.slice(dot + 1)];
        if (!found || !variable) return undefined;
        const usual = dims.length === 4 ? hwio : dims.length === 2 ? io : same;
        return {
          names: found.names.map((layer) => `${layer}/${variable}`),
          layout: dims.length > 1 ? (found.layout ?? usual) : same,
        };
      },
      classesAxis: -1,
      ignored: [PREPROCESSING],
      inOrder,
      top,
    };
  };

/**
 * A naming with the layer names of a file, matched by position. Keras itself reads files this way, because published files often have
 * the names of an earlier program. Shapes are still compared.
 */
export function byOrder(naming: Naming, { parameters }: Definition, layers: readonly string[]): Naming {
  const layerOf = (name: string): string => name.slice(0, name.lastIndexOf("/"));
  const ours = [...parameters].map(([name, { dims }]) => layerOf(naming.source(name, dims)?.names[0] ?? ""));
  const theirs = new Map([...new Set(ours)].map((layer, index) => [layer, layers[index]]));
  return {
    ...naming,
    source(name, dims) {
      const source = naming.source(name, dims);
      const [first] = source?.names ?? [];
      if (!source || first === undefined) return undefined;
      const layer = theirs.get(layerOf(first));
      return { ...source, names: [layer === undefined ? first : `${layer}${first.slice(layerOf(first).length)}`] };
    },
  };
}
