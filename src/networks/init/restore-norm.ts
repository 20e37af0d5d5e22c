/**
 * Restores batch norm that an exporter folded into the convolutions: deep networks do not train from scratch without it (Ioffe and
 * Szegedy 2015, arXiv 1502.03167). Derived from the structure, because a folded network does not record it.
 */
import {
  elementCount,
  float32Tensor,
  type Graph,
  intAttribute,
  type Node,
  node,
  type Tensor,
} from "../../onnx/model.ts";
import { type GraphIndex, isLayer } from "./graph-index.ts";

/** A graph with its batch norms restored. */
export interface Restored {
  readonly graph: Graph;
  /** The outputs of the convolutions that now have a batch norm. */
  readonly restored: readonly string[];
}

/** Other normalisations: a network with one of them never had folded batch norms. */
const otherNorms = new Set([
  ..."LayerNormalization InstanceNormalization GroupNormalization MeanVarianceNormalization LpNormalization LRN".split(
    " ",
  ),
  ..."SimplifiedLayerNormalization RMSNormalization".split(" "),
]);

/** The longest chain of convolutions that is known to train without norms: the 22 layers of GoogLeNet. */
const DEEPEST_WITHOUT = 22;

/**
 * Adds a `BatchNormalization` after every convolution that had one folded into it. Outputs keep their names; the convolutions lose their
 * biases, which the norm's shift replaces.
 *
 * These are the convolutions with a bias and without a norm, except those on a single position (classifiers, squeeze-and-excitation); and
 * only in networks without another kind of norm that have residual sums, depthwise convolutions, other batch norms, or more than 22
 * convolutions in a row. VGG and similar networks, which never had batch norm, are unchanged.
 */
export function restoreNorms(of: GraphIndex): Restored {
  const { graph, flow } = of;
  const convolutions = flow.nodes.filter((each) => each.op === "Conv" && isLayer(each, of));
  const folded = needsNorms(convolutions, of) ? convolutions.filter((each) => isFolded(each, of)) : [];
  if (folded.length === 0) return { graph, restored: [] };
  const parts = new Map(folded.map((each) => [each, withNorm(each, of)]));
  const nodes = graph.nodes.flatMap((each) => parts.get(each)?.nodes ?? [each]);
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  const biases = new Set(folded.map(({ inputs }) => inputs[2] ?? ""));
  const kept = [...graph.initializers].filter(([name]) => !biases.has(name) || read.has(name));
  return {
    graph: {
      ...graph,
      nodes,
      initializers: new Map([...kept, ...[...parts.values()].flatMap(({ initializers }) => initializers)]),
    },
    restored: folded.map(({ outputs }) => outputs[0]!),
  };
}

function needsNorms(convolutions: readonly Node[], of: GraphIndex): boolean {
  const { flow } = of;
  const hasOther = flow.nodes.some((each) => otherNorms.has(each.op) || isWrittenOut(each, of));
  if (hasOther) return false;
  return (
    flow.nodes.some((each) => each.op === "BatchNormalization" || isResidual(each, of)) ||
    convolutions.some((each) => intAttribute(each, "group", 1) > 1 && of.dims(each.inputs[1]!)[1] === 1) ||
    depth(of) > DEEPEST_WITHOUT
  );
}

/** Whether a node is the square root in a normalisation that is written out in single operators. */
const isWrittenOut = ({ op, outputs }: Node, { flow }: GraphIndex): boolean =>
  op === "Sqrt" && flow.dependence(outputs[0]!) === "values";

/** Whether a node adds two maps. */
const isResidual = (each: Node, { flow, dims }: GraphIndex): boolean =>
  each.op === "Add" && new Set(flow.data(each)).size === 2 && dims(each.outputs[0]!).length === 4;

/** The largest number of convolutions on one path through the network. */
function depth(of: GraphIndex): number {
  const depths = new Map<string, number>();
  for (const each of of.flow.nodes) {
    const before = Math.max(0, ...each.inputs.map((input) => depths.get(input) ?? 0));
    for (const output of each.outputs) depths.set(output, before + (each.op === "Conv" ? 1 : 0));
  }
  return Math.max(0, ...depths.values());
}

/** Operators that exporters of channels-last networks put between a layer and the next. */
const moving = new Set(["Transpose", "Cast", "Identity"]);

/** The only reader of a tensor, after nodes that merely move it, with the tensor that it reads. */
function readerOf(tensor: string, of: GraphIndex): { readonly reader?: Node; readonly data: string } {
  const [reader, ...others] = of.made.consumers(tensor);
  if (!reader || others.length > 0) return { data: tensor };
  return moving.has(reader.op) ? readerOf(reader.outputs[0]!, of) : { reader, data: tensor };
}

/** Whether a batch norm was folded into the convolution: it has a bias, or arithmetic per channel after it, but no norm. */
function isFolded(each: Node, of: GraphIndex): boolean {
  const [output = ""] = each.outputs;
  const { reader, data } = readerOf(output, of);
  if (elementCount(of.dims(output).slice(2)) <= 1 || reader?.op === "BatchNormalization") return false;
  return (each.inputs[2] ?? "") !== "" || (reader !== undefined && isPerChannelArithmetic(reader, data, of));
}

/** Whether a node adds, subtracts or multiplies one constant per channel: a bias, or a norm that is written out. */
function isPerChannelArithmetic(reader: Node, data: string, of: GraphIndex): boolean {
  if (reader.op !== "Add" && reader.op !== "Sub" && reader.op !== "Mul") return false;
  const constant = reader.inputs.find((input) => input !== data) ?? "";
  const dims = of.dims(constant);
  const isPerChannel = elementCount(dims) > 1 && dims.filter((size) => size > 1).length === 1;
  return of.flow.dependence(constant) !== "values" && isPerChannel;
}

/** The two nodes that replace a convolution, with the parameters of the norm. */
function withNorm(each: Node, of: GraphIndex): { nodes: readonly Node[]; initializers: readonly [string, Tensor][] } {
  const [output = ""] = each.outputs;
  const channels = of.dims(output)[1]!;
  const full = (value: number): Tensor => float32Tensor([channels], new Float32Array(channels).fill(value));
  const initializers: [string, Tensor][] = [
    [`${output}/norm/scale`, full(1)],
    [`${output}/norm/shift`, full(0)],
    [`${output}/norm/mean`, full(0)],
    [`${output}/norm/variance`, full(1)],
  ];
  const before = `${output}/unnormalised`;
  const convolution = { ...each, inputs: each.inputs.slice(0, 2), outputs: [before] };
  const norm = node("BatchNormalization", [before, ...initializers.map(([name]) => name)], [output]);
  return { nodes: [convolution, { ...norm, name: `${each.name}/norm` }], initializers };
}
