/**
 * Batch norm put back where an exporter folded it into the convolutions: with it networks of this depth train from
 * scratch, without it they do not (Ioffe and Szegedy 2015, arXiv 1502.03167). Told from the structure, since a folded
 * network says nothing of what it was.
 */
import { type Graph, intAttribute, type Node, node } from "../../graph/model.ts";
import { elementCount, float32Tensor, type Tensor } from "../../graph/tensor.ts";
import { type Anatomy, isLayer } from "./anatomy.ts";

/** A graph with its norms back. */
export interface Restored {
  readonly graph: Graph;
  /** The convolutions, by their outputs, that a norm follows now. */
  readonly restored: readonly string[];
}

/** Other normalisations: a network that has one was made without batch norm, or beside it on purpose. */
const otherNorms = new Set([
  ..."LayerNormalization InstanceNormalization GroupNormalization MeanVarianceNormalization LpNormalization LRN".split(
    " ",
  ),
  ..."SimplifiedLayerNormalization RMSNormalization".split(" "),
]);

/** Convolutions one after another that were trained without norms at the most: the 22 layers of GoogLeNet. */
const DEEPEST_WITHOUT = 22;

/**
 * Puts `BatchNormalization` behind every convolution that had one folded into it. Outputs keep their names; the biases of
 * these convolutions go, since the norm's shift takes their place.
 *
 * Which: those with a bias and without a norm of their own, but for ones on a single position (classifiers, squeeze and
 * excitation). And only in networks without other kinds of norm that have residual sums, depthwise convolutions, batch
 * norms elsewhere, or more than 22 convolutions in a row. VGG and its like, which never had any, are left as they are.
 */
export function restoreNorms(of: Anatomy): Restored {
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

function needsNorms(convolutions: readonly Node[], of: Anatomy): boolean {
  const { flow } = of;
  const hasOther = flow.nodes.some((each) => otherNorms.has(each.op) || isWrittenOut(each, of));
  if (hasOther) return false;
  return (
    flow.nodes.some((each) => each.op === "BatchNormalization" || isResidual(each, of)) ||
    convolutions.some((each) => intAttribute(each, "group", 1) > 1 && of.dims(each.inputs[1]!)[1] === 1) ||
    depth(of) > DEEPEST_WITHOUT
  );
}

/** A root of what depends on the picture: the deviation in a normalisation that is written out in single operators. */
const isWrittenOut = ({ op, outputs }: Node, { flow }: Anatomy): boolean =>
  op === "Sqrt" && flow.dependence(outputs[0]!) === "values";

/** A sum of two maps. */
const isResidual = (each: Node, { flow, dims }: Anatomy): boolean =>
  each.op === "Add" && new Set(flow.data(each)).size === 2 && dims(each.outputs[0]!).length === 4;

/** The most convolutions on one way through the network. */
function depth(of: Anatomy): number {
  const depths = new Map<string, number>();
  for (const each of of.flow.nodes) {
    const before = Math.max(0, ...each.inputs.map((input) => depths.get(input) ?? 0));
    for (const output of each.outputs) depths.set(output, before + (each.op === "Conv" ? 1 : 0));
  }
  return Math.max(0, ...depths.values());
}

/** Exporters for channels-last networks put these between a layer and what follows. */
const moving = new Set(["Transpose", "Cast", "Identity"]);

/** What reads a tensor, behind nodes that only move it; with the tensor that it reads. */
function readerOf(tensor: string, of: Anatomy): { readonly reader?: Node; readonly data: string } {
  const [reader, ...others] = of.made.consumers(tensor);
  if (!reader || others.length > 0) return { data: tensor };
  return moving.has(reader.op) ? readerOf(reader.outputs[0]!, of) : { reader, data: tensor };
}

/** Folding leaves a bias, in the convolution or behind it, and no norm. */
function isFolded(each: Node, of: Anatomy): boolean {
  const [output = ""] = each.outputs;
  const { reader, data } = readerOf(output, of);
  if (elementCount(of.dims(output).slice(2)) <= 1 || reader?.op === "BatchNormalization") return false;
  return (each.inputs[2] ?? "") !== "" || (reader !== undefined && isPerChannelArithmetic(reader, data, of));
}

/** A constant a channel, added, subtracted or multiplied: a bias, or a norm that is written out. */
function isPerChannelArithmetic(reader: Node, data: string, of: Anatomy): boolean {
  if (reader.op !== "Add" && reader.op !== "Sub" && reader.op !== "Mul") return false;
  const constant = reader.inputs.find((input) => input !== data) ?? "";
  const dims = of.dims(constant);
  const isPerChannel = elementCount(dims) > 1 && dims.filter((size) => size > 1).length === 1;
  return of.flow.dependence(constant) !== "values" && isPerChannel;
}

/** The two nodes that take a convolution's place, and what the new one learns. */
function withNorm(each: Node, of: Anatomy): { nodes: readonly Node[]; initializers: readonly [string, Tensor][] } {
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
