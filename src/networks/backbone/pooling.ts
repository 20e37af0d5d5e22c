/**
 * Pools the values at a cut to one vector per image. The meaning of the axes is derived from the operators around the tensor:
 * maps may be `[N, C, H, W]` or `[N, H, W, C]`, sequences `[N, T, D]` or `[N, C, T]`.
 */
import { dataError } from "../../base/errors.ts";
import { axesOf, channelAxes, constantIntegers, fromFront } from "../../onnx/analysis/axes.ts";
import { type Dataflow, dataflow, lookup } from "../../onnx/analysis/dataflow.ts";
import type { Shapes } from "../../onnx/analysis/multiply-adds.ts";
import { elementCount, type Graph, int64Tensor, intAttribute, type Node, node } from "../../onnx/model.ts";
import type { Fragment } from "../preprocessing/preprocessing.ts";

/** The kinds of pooling; each is a row of {@link poolings}. */
export type Pooling =
  | "none"
  | "flatten"
  | "spatial-mean"
  | "spatial-mean-nhwc"
  | "class-token"
  | "token-mean"
  | "patch-mean";

interface PoolingKind {
  /** For display. */
  readonly description: string;
  /** The nodes from the tensor `cut` to `features` `[N, D]`. */
  readonly graph: (cut: string, features: string) => Fragment;
}

const fragment = (nodes: readonly Node[], constants: Readonly<Record<string, readonly number[]>> = {}): Fragment => ({
  nodes,
  initializers: new Map(
    Object.entries(constants).map(([name, values]) => [`pool/${name}`, int64Tensor([values.length], values)]),
  ),
});

const mean = (axes: readonly number[]): PoolingKind["graph"] => {
  return (cut, features) => fragment([node("ReduceMean", [cut, "pool/axes"], [features], { keepdims: 0 })], { axes });
};

export const poolings: Readonly<Record<Pooling, PoolingKind>> = {
  none: {
    description: "used unchanged",
    graph: (cut, features) => fragment([node("Identity", [cut], [features])]),
  },
  flatten: {
    description: "flattened",
    graph: (cut, features) => fragment([node("Flatten", [cut], [features], { axis: 1 })]),
  },
  "spatial-mean": {
    description: "averaged over the map, [N, C, H, W]",
    graph: (cut, features) =>
      fragment([node("GlobalAveragePool", [cut], ["pooled"]), node("Flatten", ["pooled"], [features], { axis: 1 })]),
  },
  "spatial-mean-nhwc": { description: "averaged over the map, [N, H, W, C]", graph: mean([1, 2]) },
  "class-token": {
    description: "the class token, the first of the sequence [N, T, D]",
    graph: (cut, features) =>
      fragment(
        [
          node("Slice", [cut, "pool/first", "pool/end", "pool/axis"], ["pooled"]),
          node("Squeeze", ["pooled", "pool/axis"], [features]),
        ],
        { first: [0], end: [1], axis: [1] },
      ),
  },
  "token-mean": { description: "averaged over the tokens of the sequence [N, T, D]", graph: mean([1]) },
  "patch-mean": {
    description: "averaged over the tokens of the sequence [N, T, D] except the first, the class token",
    graph: (cut, features) =>
      fragment(
        [
          node("Slice", [cut, "pool/first", "pool/end", "pool/axis"], ["pooled"]),
          node("ReduceMean", ["pooled", "pool/axis"], [features], { keepdims: 0 }),
        ],
        { first: [1], end: [2 ** 31 - 1], axis: [1] },
      ),
  },
};

/** The pooling at a cut, the number of features after it, and the reason. */
export interface PoolingChoice {
  readonly pooling: Pooling;
  readonly features: number;
  readonly why: string;
}

/**
 * Chooses the pooling at a cut from the network's own operators around it.
 *
 * @param shapes of every tensor
 * @throws GraftError (`data`) if the axes are unknown, or the tensor is not a vector, map or sequence
 */
export function choosePooling(graph: Graph, shapes: Shapes, cut: string, source: string): PoolingChoice {
  const dims = shapes.get(cut)?.dims ?? [];
  const [, ...rest] = dims;
  const large = rest.filter((size) => size > 1);
  const wrong = (what: string): never => {
    throw dataError(`The tensor "${cut}" of ${source} has shape [${dims}], ${what}: choose another with --cut.`);
  };
  if (rest.length === 0 || elementCount(dims) === 0 || rest.length > 3)
    return wrong("which is not a feature map or vector");
  if (rest.length === 1) return { pooling: "none", features: rest[0]!, why: "one vector per image" };
  if (large.length <= 1) return { pooling: "flatten", features: elementCount(rest), why: "one value per feature" };
  const flow = dataflow(graph);
  const channels = channelAxes(graph, shapes, flow).get(cut);
  const last = rest.length;
  if (channels !== 1 && channels !== last) {
    const bySize = rest.length === 3 ? channelsBySize(rest) : undefined;
    if (bySize === undefined) return wrong("and the graph does not show which axis holds the features");
    return {
      ...mapPooling(bySize),
      features: dims[bySize]!,
      why: "the other two axes form a square; the graph shows no more",
    };
  }
  const features = dims[channels]!;
  if (rest.length === 3 || channels === 1)
    return { ...mapPooling(channels), features, why: "from the operators before it" };
  return { ...tokenPooling(graph, shapes, flow, cut), features };
}

const mapPooling = (axis: number): { pooling: Pooling } => ({
  pooling: axis === 1 ? "spatial-mean" : "spatial-mean-nhwc",
});

/** The axis of the channels, if the other two are equally long: the positions of a square map. */
function channelsBySize([a, b, c]: readonly number[]): number | undefined {
  if (b === c && a !== b) return 1;
  return a === b && b !== c ? 3 : undefined;
}

/** The network's own pooling of the sequence after the cut; if there is none, by whether the network has a class token. */
function tokenPooling(graph: Graph, shapes: Shapes, flow: Dataflow, cut: string): Omit<PoolingChoice, "features"> {
  const after = reachable(graph, cut);
  const own = flow.nodes
    .filter((one) => after.has(one))
    .findLast((one) => tokenChoice(graph, shapes, one) !== undefined);
  const pooling = own && tokenChoice(graph, shapes, own);
  if (own && pooling) return { pooling, why: `as in the network's own ${own.op} ${own.name}`.trimEnd() };
  const token = flow.nodes.find((one) => isClassTokenJoined(shapes, flow, one));
  if (token)
    return {
      pooling: "class-token",
      why: `the network prepends a class token in ${token.op} ${token.name}`.trimEnd(),
    };
  return { pooling: "token-mean", why: "the network has no class token" };
}

function reachable(graph: Graph, cut: string): ReadonlySet<Node> {
  const { consumers } = lookup(graph);
  const seen = new Set<Node>();
  const pending = [cut];
  for (let tensor = pending.pop(); tensor !== undefined; tensor = pending.pop()) {
    for (const reader of consumers(tensor)) {
      if (seen.has(reader)) continue;
      seen.add(reader);
      pending.push(...reader.outputs);
    }
  }
  return seen;
}

/** The pooling that a node computes, if it reduces a sequence `[N, T, D]` to a vector. */
function tokenChoice(graph: Graph, shapes: Shapes, of: Node): Pooling | undefined {
  const [from, to] = [of.inputs[0] ?? "", of.outputs[0] ?? ""].map((name) => shapes.get(name)?.dims ?? []);
  if (from?.length !== 3 || !to || from[1] === 1 || elementCount(to) * from[1]! !== elementCount(from))
    return undefined;
  const axis = (along: number | undefined): boolean => along !== undefined && fromFront([along], 3)[0] === 1;
  if (of.op === "Gather") {
    const [index, ...others] = constantIntegers(graph, of, 1) ?? [];
    return axis(intAttribute(of, "axis", 0)) && index === 0 && others.length === 0 ? "class-token" : undefined;
  }
  if (of.op === "Slice") {
    const [start] = constantIntegers(graph, of, 1) ?? [];
    return axis(constantIntegers(graph, of, 3)?.[0]) && start === 0 ? "class-token" : undefined;
  }
  if (of.op !== "ReduceMean") return undefined;
  const axes = axesOf(graph, of);
  if (axes?.length !== 1 || !axis(axes[0])) return undefined;
  const before = graph.nodes.find(({ outputs }) => outputs.includes(of.inputs[0] ?? ""));
  const isFirstLeftOut = before?.op === "Slice" && constantIntegers(graph, before, 1)?.[0] === 1;
  return isFirstLeftOut && axis(constantIntegers(graph, before, 3)?.[0]) ? "patch-mean" : "token-mean";
}

/** Whether a node prepends a token that is the same for every image. */
function isClassTokenJoined(shapes: Shapes, flow: Dataflow, of: Node): boolean {
  const [first = "", ...others] = of.inputs;
  const dims = shapes.get(of.outputs[0] ?? "")?.dims ?? [];
  const isSequence = of.op === "Concat" && dims.length === 3 && fromFront([intAttribute(of, "axis", 0)], 3)[0] === 1;
  return (
    isSequence &&
    flow.dependence(first) !== "values" &&
    shapes.get(first)?.dims[1] === 1 &&
    others.some((input) => flow.dependence(input) === "values")
  );
}
