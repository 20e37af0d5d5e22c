/**
 * Quantises convolutions and linear layers to 8-bit integers for prediction: activations as uint8, weights as int8 with one scale
 * per output channel. Writes QuantizeLinear and DequantizeLinear around float operators, which ONNX Runtime fuses to integer kernels
 * (`npm run bench -- quantised` measures the gain). Does not measure ranges; the caller passes those of {@link rangesWanted}.
 *
 * Source: B. Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018.
 */
import { lookup } from "../analysis/dataflow.ts";
import {
  asFloat32,
  float32Tensor,
  floatAttribute,
  type Graph,
  intAttribute,
  type Node,
  node,
  rawTensor,
  type Tensor,
} from "../model.ts";

/** The least and the largest value of a tensor. */
export type Range = readonly [least: number, largest: number];

/**
 * Weights use 7 of 8 bits: processors without VNNI add two products in 16 bits, which 8-bit weights would overflow, so that results
 * would differ between machines.
 */
const WEIGHT_LIMIT = 63;
const UINT8_LIMIT = 255;
/** The largest bias, so that an int32 can still hold the sum of products. */
const BIAS_LIMIT = 2 ** 29;

/** Operators without weights that have integer kernels. */
const CARRIERS: ReadonlySet<string> = new Set(["Add", "Mul", "Concat", "MaxPool", "AveragePool", "Sigmoid"]);
/** Operators whose output has the scale of their input. */
const SAME_SCALE: ReadonlySet<string> = new Set(["MaxPool"]);

/** What to quantise in a graph. */
interface Plan {
  /** Nodes whose inputs and outputs are integers. */
  readonly nodes: ReadonlySet<Node>;
  /** The activations between them, each with the activation whose range it shares. */
  readonly tensors: ReadonlyMap<string, string>;
  /** Activation functions that rounding to a range from 0 replaces, by the output of the node before them. */
  readonly clipped: ReadonlyMap<string, Node>;
}

/**
 * The activations whose ranges {@link quantise} needs.
 *
 * @param isOwn whether a node may be quantised; others stay in float
 */
export const rangesWanted = (graph: Graph, isOwn: (of: Node) => boolean): string[] => [
  ...new Set(planOf(graph, isOwn).tensors.values()),
];

/**
 * The graph with its convolutions and linear layers in 8-bit integers.
 *
 * @param ranges of all {@link rangesWanted}, measured on typical inputs
 */
export function quantise(graph: Graph, isOwn: (of: Node) => boolean, ranges: ReadonlyMap<string, Range>): Graph {
  const { nodes, tensors, clipped } = planOf(graph, isOwn);
  const initializers = new Map(graph.initializers);
  const scaleOf = new Map<string, number>();
  const made: Node[] = [];
  const paired = (tensor: string): Node[] => {
    const [least, largest] = ranges.get(tensors.get(tensor)!)!;
    const [low, high] = [Math.min(0, least), Math.max(0, largest)];
    const scale = Math.max(high - low, 1e-6) / UINT8_LIMIT;
    const zero = Math.min(UINT8_LIMIT, Math.max(0, Math.round(-low / scale)));
    scaleOf.set(tensor, scale);
    initializers.set(`${tensor}/scale`, float32Tensor([], [scale]));
    initializers.set(`${tensor}/zero`, rawTensor("uint8", [], Uint8Array.of(zero)));
    const by = [`${tensor}/scale`, `${tensor}/zero`];
    return [
      node("QuantizeLinear", [tensor, ...by], [`${tensor}/q`]),
      node("DequantizeLinear", [`${tensor}/q`, ...by], [`${tensor}/dq`]),
    ];
  };
  const weighted = (of: Node): readonly string[] => {
    const [x = "", w = "", b = ""] = of.inputs;
    const axis = of.op === "Gemm" && intAttribute(of, "transB", 0) === 0 ? 1 : 0;
    const bias = b === "" ? undefined : asFloat32(graph.initializers.get(b)!);
    const { tensor, scales } = weightsOf(graph.initializers.get(w)!, axis, bias, scaleOf.get(x)!);
    initializers.set(`${of.name}/w`, tensor);
    initializers.set(`${of.name}/w/scale`, float32Tensor([scales.length], scales));
    made.push(node("DequantizeLinear", [`${of.name}/w`, `${of.name}/w/scale`], [`${of.name}/w/dq`], { axis }));
    const read = [`${x}/dq`, `${of.name}/w/dq`];
    if (!bias) return read;
    const biasScales = scales.map((scale) => scale * scaleOf.get(x)!);
    const rounded = Int32Array.from(bias, (value, i) => Math.round(value / biasScales[i]!));
    initializers.set(`${of.name}/b`, rawTensor("int32", [bias.length], new Uint8Array(rounded.buffer)));
    initializers.set(`${of.name}/b/scale`, float32Tensor([bias.length], biasScales));
    made.push(node("DequantizeLinear", [`${of.name}/b`, `${of.name}/b/scale`], [`${of.name}/b/dq`], { axis: 0 }));
    return [...read, `${of.name}/b/dq`];
  };
  const dropped = new Set(clipped.values());
  // The output of such a layer is clipped only when it is rounded.
  const unclipped = new Set([...clipped.values()].map(({ outputs }) => outputs[0]!));
  for (const { name } of graph.inputs) if (tensors.has(name)) made.push(...paired(name));
  for (const of of graph.nodes) {
    if (dropped.has(of)) continue;
    const inputs = !nodes.has(of)
      ? of.inputs.map((name) => (unclipped.has(name) ? `${name}/dq` : name))
      : hasWeights(of)
        ? weighted(of)
        : of.inputs.map((name) => (tensors.has(name) ? `${name}/dq` : name));
    const after = clipped.get(of.outputs[0]!);
    const outputs = after ? after.outputs : of.outputs;
    made.push({ ...of, inputs, outputs });
    for (const name of outputs) if (tensors.has(name)) made.push(...paired(name));
  }
  const read = new Set([...made.flatMap(({ inputs }) => inputs), ...graph.outputs.map(({ name }) => name)]);
  return { ...graph, nodes: made, initializers: new Map([...initializers].filter(([name]) => read.has(name))) };
}

const hasWeights = ({ op }: Node): boolean => op === "Conv" || op === "Gemm";

function planOf(graph: Graph, isOwn: (of: Node) => boolean): Plan {
  const { consumers } = lookup(graph);
  const isOutput = new Set(graph.outputs.map(({ name }) => name));
  const isFloat = (name: string): boolean => graph.initializers.get(name)?.type === "float32";
  const isLayer = (of: Node): boolean =>
    hasWeights(of) &&
    isFloat(of.inputs[1] ?? "") &&
    ((of.inputs[2] ?? "") === "" || isFloat(of.inputs[2]!)) &&
    floatAttribute(of, "alpha", 1) === 1 &&
    floatAttribute(of, "beta", 1) === 1 &&
    intAttribute(of, "transA", 0) === 0;
  const nodes = new Set<Node>();
  const tensors = new Map<string, string>();
  const clipped = new Map<string, Node>();
  const isInteger = (of: Node): boolean => isOwn(of) && (isLayer(of) || CARRIERS.has(of.op));
  for (const of of graph.nodes) {
    if (!isInteger(of)) continue;
    const [x = "", output = ""] = [of.inputs[0], of.outputs[0]];
    const readers = consumers(output);
    const [only] = readers;
    const after =
      only &&
      readers.length === 1 &&
      !isOutput.has(output) &&
      !isOutput.has(only.outputs[0]!) &&
      isOwn(only) &&
      clipsAtZero(only, graph)
        ? only
        : undefined;
    const result = after ? after.outputs[0]! : output;
    // Between float nodes, quantising such an operator would only round its values.
    if (!isLayer(of) && !(of.inputs.every((name) => tensors.has(name)) && consumers(result).some(isInteger))) continue;
    nodes.add(of);
    if (!tensors.has(x)) tensors.set(x, x);
    tensors.set(result, SAME_SCALE.has(of.op) && !after ? tensors.get(x)! : result);
    if (after) clipped.set(output, after);
  }
  return { nodes, tensors, clipped };
}

/** Whether a node is replaced by rounding to a measured range from 0: ReLU, and ReLU with an upper bound. */
function clipsAtZero(of: Node, { initializers }: Graph): boolean {
  if (of.op === "Relu") return true;
  if (of.op !== "Clip") return false;
  const least = initializers.get(of.inputs[1] ?? "");
  return least?.type === "float32" && asFloat32(least)[0] === 0;
}

/**
 * Weights as int8, symmetric about 0, with one scale per position on `axis` (the first or the last). Scales are large enough that the
 * bias, whose scale is the product with the input's, fits an int32.
 */
function weightsOf(
  weights: Tensor,
  axis: 0 | 1,
  bias: Float32Array | undefined,
  inputScale: number,
): { readonly tensor: Tensor; readonly scales: Float32Array } {
  const values = asFloat32(weights);
  const channels = weights.dims[axis]!;
  const each = values.length / channels;
  const channelOf = (i: number): number => (axis === 0 ? Math.floor(i / each) : i % channels);
  const largest = new Float32Array(channels);
  for (let i = 0; i < values.length; i++) {
    const channel = channelOf(i);
    largest[channel] = Math.max(largest[channel]!, Math.abs(values[i]!));
  }
  const scales = largest.map((value, channel) =>
    Math.max(value / WEIGHT_LIMIT, Math.abs(bias?.[channel] ?? 0) / (inputScale * BIAS_LIMIT), 1e-10),
  );
  const rounded = Int8Array.from(values, (value, i) => Math.round(value / scales[channelOf(i)]!));
  return { tensor: rawTensor("int8", weights.dims, new Uint8Array(rounded.buffer)), scales };
}
