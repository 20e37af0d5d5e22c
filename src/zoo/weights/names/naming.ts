/**
 * What a naming of parameters is: for each of ours (timm's names), what it is called in files of another library and how it
 * lies there. Rows of the families are in files beside this one, all of them in `table.ts`.
 */
import type { Definition, Dialect } from "../../architectures/definition.ts";
import { hwio, io, type Layout, same } from "./layout.ts";

/** A library whose names for parameters Graft knows. */
export type NamingKind = "timm" | "torchvision" | "keras";

/** The arithmetic that goes with weights of a library. */
export const dialectOf: Readonly<Record<NamingKind, Dialect>> = { timm: "timm", torchvision: "timm", keras: "keras" };

/** A parameter in a file. */
export interface Source {
  /** What it is called, today's name first; earlier names of the library follow. */
  readonly names: readonly string[];
  readonly layout: Layout;
  /** Added to every element: brings a batch norm's variance to our epsilon, so that the sum under the root is the same. */
  readonly add?: number | undefined;
}

/** How a library names one architecture's parameters. */
export interface Naming {
  readonly kind: NamingKind;
  /** Where our parameter of that name and shape is; nothing where these files have none. */
  source(name: string, dims: readonly number[]): Source | undefined;
  /** Where a file's classifier keeps its number of classes: the first axis or the last. */
  readonly classesAxis: 0 | -1;
  /** Entries of such files that are no parameters of the network. */
  readonly ignored: readonly RegExp[];
  /** Whether files keep layers in the order of our parameters: then layers of unknown names are told by their place. */
  readonly inOrder: boolean;
  /** Our parameters that files without a classifier lack, besides the classifier's. */
  readonly top: readonly RegExp[];
}

/**
 * A row: names that match are replaced by the template or the function's answer (given the groups); the rest of a name that
 * matches only in front stays.
 */
export type Row = readonly [
  pattern: RegExp,
  replacement: string | ((...groups: string[]) => string | readonly string[]),
  layout?: Layout,
];

/** Rows for a definition: some depend on its name, or on the parts that its blocks have. */
export type Rows = (definition: Definition) => readonly Row[];

/** The first row that matches, applied. */
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

/** PyTorch's count of training steps, beside every batch norm. */
const STEP_COUNT = /(^|\.)num_batches_tracked$/;

/** Our own names. */
export const timm = ({ ignored = [] }: Definition): Naming => ({
  kind: "timm",
  source: (name) => ({ names: [name], layout: same }),
  classesAxis: 0,
  ignored: [STEP_COUNT, ...ignored],
  inOrder: false,
  top: [],
});

/** torchvision's names, from rows over whole names. A name without a row is the same there. */
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

/** Keras' words for variables of convolutions and dense layers, and of normalisations. */
const learned: Readonly<Record<string, string>> = { weight: "kernel", bias: "bias", gamma: "gamma" };
const normalised: Readonly<Record<string, string>> = {
  weight: "gamma",
  bias: "beta",
  running_mean: "moving_mean",
  running_var: "moving_variance",
};

/** Weights of Keras' own preprocessing layers. */
const PREPROCESSING = /^normalization(_\d+)?\//;

/**
 * Keras' names `layer/variable`, from rows over modules: `layer1.0.conv1` → `conv2_block1_1_conv`. A row may give several
 * names, the earlier ones last. Rows must cover every module.
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
        const words = role === "norm" || role === "running" ? normalised : learned;
        const variable = words[name.slice(dot + 1)];
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
 * A naming with other names for its layers: those of a file, in the file's order. Keras reads its own files so; the names in
 * published ones are often those of an earlier program. Shapes are compared as ever.
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
