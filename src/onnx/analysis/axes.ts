/**
 * Follows one axis (batch or channels) through a graph: its position after each node, derived from operators and not from sizes.
 * Transpose moves an axis, Reshape may keep it or merge it into another, most operators leave it where it is. Rewrites nothing.
 */
import { asIntegers, elementCount, type Graph, intAttribute, intsAttribute, type Node } from "../model.ts";
import type { Dataflow } from "./dataflow.ts";
import type { Shapes } from "./multiply-adds.ts";

/** One node with the shapes before and after it. */
interface Step {
  readonly node: Node;
  readonly from: readonly number[];
  readonly to: readonly number[];
  readonly axis: number;
  readonly graph: Graph;
}
type Rule = (step: Step) => number | undefined;

/** The integers of a constant input of a node; undefined if it is not a constant of integers. */
export function constantIntegers(graph: Graph, node: Node, position: number): readonly number[] | undefined {
  const tensor = graph.initializers.get(node.inputs[position] ?? "");
  return tensor && (tensor.type === "int64" || tensor.type === "int32") ? asIntegers(tensor) : undefined;
}

/** Axes counted from the front; negative ones count from the back. */
export const fromFront = (axes: readonly number[], rank: number): number[] =>
  axes.map((axis) => (axis < 0 ? axis + rank : axis));

/** The axes of Squeeze, Unsqueeze and the reductions: an input since opset 13 or 18, before that an attribute. */
export const axesOf = (graph: Graph, node: Node): readonly number[] | undefined =>
  constantIntegers(graph, node, 1) ?? intsAttribute(node, "axes");

/** An axis that Reshape keeps: the same size, and the same number of elements before it. */
const reshaped: Rule = ({ from, to, axis }) => {
  const before = elementCount(from.slice(0, axis));
  const kept = to.findIndex((size, i) => size === from[axis] && elementCount(to.slice(0, i)) === before);
  return kept < 0 ? undefined : kept;
};

/** The position of an axis after other axes were removed. */
const without = (gone: readonly number[], axis: number): number | undefined =>
  gone.includes(axis) ? undefined : axis - gone.filter((other) => other < axis).length;

const reduced: Rule = ({ node, graph, from, axis }) => {
  const axes = axesOf(graph, node);
  const gone = axes ? fromFront(axes, from.length) : from.map((_, i) => i);
  if (intAttribute(node, "keepdims", 1) !== 0) return gone.includes(axis) ? undefined : axis;
  return without(gone, axis);
};

const gathered: Rule = ({ node, from, to, axis }) => {
  const [along = 0] = fromFront([intAttribute(node, "axis", 0)], from.length);
  if (axis === along) return to.length === from.length ? axis : undefined;
  return axis < along ? axis : axis + to.length - from.length;
};

/** The last two axes take part in the product, the others line up from the right. */
const multiplied: Rule = ({ from, to, axis }) => {
  if (axis === from.length - 1) return undefined;
  return from.length === 1 ? undefined : axis + to.length - from.length;
};

/** Operators that keep the rank or broadcast to a higher one: axes line up from the right. */
const aligned: Rule = ({ from, to, axis }) => (from.length > to.length ? undefined : axis + to.length - from.length);

const rules: Readonly<Record<string, Rule>> = {
  Transpose: ({ node, from, axis }) => {
    const order = intsAttribute(node, "perm") ?? from.map((_, i) => from.length - 1 - i);
    const at = order.indexOf(axis);
    return at < 0 ? undefined : at;
  },
  Reshape: reshaped,
  Flatten: reshaped,
  Squeeze: ({ node, graph, from, axis }) => {
    const axes = axesOf(graph, node);
    return without(axes ? fromFront(axes, from.length) : from.flatMap((size, i) => (size === 1 ? [i] : [])), axis);
  },
  Unsqueeze: ({ node, graph, to, axis }) => {
    const added = new Set(fromFront(axesOf(graph, node) ?? [], to.length));
    return to.flatMap((_, i) => (added.has(i) ? [] : [i]))[axis];
  },
  ...Object.fromEntries(
    ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL2"].map((op) => [op, reduced]),
  ),
  Gather: gathered,
  MatMul: multiplied,
  Gemm: ({ node, axis }) => (axis === (intAttribute(node, "transA", 0) ? 1 : 0) ? 0 : undefined),
  Einsum: () => undefined,
};

/** The position in a node's output of axis `axis` of its input; undefined if it is lost or unknown. */
export function axisThrough(
  graph: Graph,
  shapes: Shapes,
  node: Node,
  input: string,
  output: string,
  axis: number,
): number | undefined {
  const [from, to] = [shapes.get(input)?.dims, shapes.get(output)?.dims];
  if (!from || !to) return undefined;
  const rule = Object.hasOwn(rules, node.op) ? rules[node.op] : undefined;
  return (rule ?? aligned)({ node, from, to, axis, graph });
}

/** An axis by tensor, through the given nodes (in topological order). */
export type AxisMap = ReadonlyMap<string, number>;

/**
 * Follows an axis from tensors where it is known through everything that is computed from them.
 *
 * @param known where the axis starts: graph inputs by name
 * @param made the axis of nodes that create it regardless of their inputs (a convolution creates channels on axis 1)
 * @param dataOf the inputs to follow it through; the first that has the axis decides
 */
export function followAxis(
  graph: Graph,
  shapes: Shapes,
  nodes: readonly Node[],
  known: AxisMap,
  made: (node: Node) => number | undefined,
  dataOf: (node: Node) => readonly string[],
): AxisMap {
  const axes = new Map(known);
  for (const node of nodes) {
    const created = made(node);
    for (const output of node.outputs.filter((name) => name !== "")) {
      const through = (input: string): number | undefined => {
        const axis = axes.get(input);
        return axis === undefined ? undefined : axisThrough(graph, shapes, node, input, output, axis);
      };
      const axis =
        created ??
        dataOf(node)
          .map(through)
          .find((found) => found !== undefined);
      if (axis !== undefined) axes.set(output, axis);
    }
  }
  return axes;
}

// Which axis of each tensor holds the channels, derived from operators, not from sizes: networks from TensorFlow use
// `[N, H, W, C]`, those from PyTorch `[N, C, H, W]`, transformers `[N, T, C]`.

/** Operators that by definition have their channels on axis 1. */
const channelsFirst = new Set([
  ..."Conv ConvTranspose ConvInteger QLinearConv FusedConv BatchNormalization InstanceNormalization GroupNormalization".split(
    " ",
  ),
  ..."MaxPool AveragePool LpPool GlobalAveragePool GlobalMaxPool LRN DepthToSpace SpaceToDepth".split(" "),
]);

/** The channel axis of every tensor for which the graph defines one; tensors of rank 0 and 1 have none. */
export function channelAxes(graph: Graph, shapes: Shapes, { nodes, data, dependence }: Dataflow): AxisMap {
  const made = (node: Node): number | undefined => {
    const rank = shapes.get(node.outputs[0] ?? "")?.dims.length ?? 0;
    if (rank < 2 || dependence(node.outputs[0] ?? "") !== "values") return undefined;
    if (channelsFirst.has(node.op)) return 1;
    if (node.op === "LayerNormalization") {
      return intAttribute(node, "axis", -1) === -1 || intAttribute(node, "axis", -1) === rank - 1
        ? rank - 1
        : undefined;
    }
    // A product with a weight on the right creates the last axis; a product of two activations is attention.
    if ((node.op === "MatMul" || node.op === "MatMulInteger") && dependence(node.inputs[1] ?? "") === "nothing")
      return rank - 1;
    return node.op === "Gemm" ? 1 : undefined;
  };
  return followAxis(graph, shapes, nodes, new Map(), made, data);
}
