/**
 * Rewrites graphs without changing what they compute: constants become initializers, convolutions over the whole map become fully
 * connected layers, half precision becomes float32.
 */

import { dataError } from "../../base/errors.ts";
import type { Shapes } from "../analysis/multiply-adds.ts";
import {
  type Attribute,
  elementCount,
  float32Tensor,
  type Graph,
  int64Tensor,
  intAttribute,
  intsAttribute,
  type Node,
  node,
  type Tensor,
  type TensorType,
  type Value,
} from "../model.ts";

/** The forms of a `Constant` node, by attribute. Texts and sparse tensors stay nodes. */
const forms: Readonly<Record<string, (value: Attribute) => Tensor | undefined>> = {
  value: (of) => (of.type === "tensor" ? of.value : undefined),
  value_float: (of) => (of.type === "float" ? float32Tensor([], [of.value]) : undefined),
  value_floats: (of) => (of.type === "floats" ? float32Tensor([of.value.length], of.value) : undefined),
  value_int: (of) => (of.type === "int" ? int64Tensor([], [of.value]) : undefined),
  value_ints: (of) => (of.type === "ints" ? int64Tensor([of.value.length], of.value) : undefined),
};

/** The value of a `Constant` node, if it is one and its value is a tensor of numbers. */
export function constantOf(node: Node): Tensor | undefined {
  if (node.op !== "Constant" || node.domain !== "") return undefined;
  const [name, value] = Object.entries(node.attributes)[0] ?? [];
  return name === undefined || value === undefined ? undefined : forms[name]?.(value);
}

/** The same graph with its constants as initializers. Subgraphs stay unchanged. */
export function foldConstants(graph: Graph): Graph {
  const initializers = new Map(graph.initializers);
  const aliases = new Map<string, string>();
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    const output = node.outputs[0] ?? "";
    const tensor = constantOf(node) ?? (node.op === "Identity" ? initializers.get(node.inputs[0] ?? "") : undefined);
    if (!tensor || outputs.has(output)) {
      nodes.push(node);
      continue;
    }
    // Readers of an Identity use the first name of its constant, so that a shared weight counts once.
    const source = node.op === "Identity" ? (aliases.get(node.inputs[0]!) ?? node.inputs[0]!) : undefined;
    initializers.set(output, tensor);
    if (source !== undefined) aliases.set(output, source);
  }
  if (nodes.length === graph.nodes.length) return graph;
  const captured = new Set(nodes.flatMap(capturedNames));
  const read = (input: string): string => aliases.get(input) ?? input;
  for (const alias of aliases.keys()) if (!captured.has(alias)) initializers.delete(alias);
  return { ...graph, initializers, nodes: nodes.map((node) => ({ ...node, inputs: node.inputs.map(read) })) };
}

/** Every name that the subgraphs of a node read. */
const capturedNames = (node: Node): string[] =>
  Object.values(node.attributes).flatMap((attribute) =>
    attribute.type === "graph"
      ? attribute.value.nodes.flatMap((inner) => [...inner.inputs, ...capturedNames(inner)])
      : [],
  );

// Rewrites convolutions whose kernel covers the whole input as fully connected layers, such as the first one of timm's VGG. A runtime
// then does not rearrange the weights (411 MB in VGG) for a convolution.

/**
 * The graph with each such convolution as Flatten, Gemm and Reshape. The weights keep their bytes and get two dimensions.
 * A weight with other readers stays unchanged.
 *
 * @param shapes of the graph's tensors, for any batch size
 */
export function wholeMapConvolutionsAsGemm(graph: Graph, shapes: Shapes): Graph {
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.flatMap((of) => {
    const weight = weightOfWholeMap(of, graph, shapes);
    if (!weight) return [of];
    const [input = "", name = "", ...bias] = of.inputs;
    const [output = ""] = of.outputs;
    const [out = 0, ...rest] = weight.dims;
    initializers.set(name, { ...weight, dims: [out, elementCount(rest)] });
    initializers.set(`${output}/dims`, int64Tensor([4], [-1, out, 1, 1]));
    return [
      node("Flatten", [input], [`${output}/flat`], { axis: 1 }),
      node("Gemm", [`${output}/flat`, name, ...bias], [`${output}/product`], { transB: 1 }),
      node("Reshape", [`${output}/product`, `${output}/dims`], [output]),
    ];
  });
  return { ...graph, nodes, initializers };
}

/** The weight of a convolution whose kernel covers the whole input; undefined for any other node. */
function weightOfWholeMap(of: Node, graph: Graph, shapes: Shapes): Tensor | undefined {
  const [input = "", name = ""] = of.inputs;
  const weight = graph.initializers.get(name);
  const map = shapes.get(input)?.dims.slice(2);
  if (of.op !== "Conv" || !weight || map?.length !== 2 || weight.dims.length !== 4) return undefined;
  const covers = weight.dims.slice(2).every((size, axis) => size === map[axis] && size > 1);
  const padded = (intsAttribute(of, "pads") ?? []).some((pad) => pad !== 0);
  const dilated = (intsAttribute(of, "dilations") ?? []).some((step) => step !== 1);
  const readers = graph.nodes.filter(({ inputs }) => inputs.includes(name));
  const plain = covers && !padded && !dilated && intAttribute(of, "group", 1) === 1 && readers.length === 1;
  return plain && of.attributes.auto_pad === undefined ? weight : undefined;
}

// Converts networks in half precision (float16, bfloat16) to float32: exact for every weight, and faster on a CPU, which computes in
// float32 anyway. Intermediate results are more precise than in half precision.

const isHalf = (type: TensorType | undefined): boolean => type === "float16" || type === "bfloat16";

/** ONNX's numbers of float32 and of the two half-precision types, as in `to` of `Cast`. */
const FLOAT = 1;
const HALVES = new Set([10, 16]);
/** Integer attributes that name an element type. */
const typeAttributes = new Set(["to", "dtype", "output_dtype", "stash_type"]);

/** The value of an IEEE 754 binary16 number, from its bits. */
export function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function widenTensor(tensor: Tensor): Tensor {
  if (!isHalf(tensor.type)) return tensor;
  const view = new DataView(tensor.bytes.buffer, tensor.bytes.byteOffset, tensor.bytes.byteLength);
  const values = new Float32Array(tensor.bytes.length / 2);
  if (tensor.type === "float16")
    for (let i = 0; i < values.length; i++) values[i] = float16Value(view.getUint16(2 * i, true));
  else {
    // A bfloat16 is the upper half of a float32.
    const bits = new Uint32Array(values.buffer);
    for (let i = 0; i < bits.length; i++) bits[i] = view.getUint16(2 * i, true) << 16;
  }
  return float32Tensor(tensor.dims, values);
}

const widenValue = (value: Value): Value => (isHalf(value.type) ? { ...value, type: "float32" } : value);

function widenAttribute(name: string, attribute: Attribute): Attribute {
  if (attribute.type === "tensor") return { type: "tensor", value: widenTensor(attribute.value) };
  if (attribute.type === "graph") return { type: "graph", value: widenGraph(attribute.value) };
  if (attribute.type === "int" && typeAttributes.has(name) && HALVES.has(attribute.value))
    return { type: "int", value: FLOAT };
  return attribute;
}

function widenNode(node: Node): Node {
  if (node.domain !== "" && node.op !== "")
    throw dataError(
      `The network computes in half precision with ${node.domain}'s ${node.op}, which Graft cannot widen: export it in float32.`,
    );
  return {
    ...node,
    attributes: Object.fromEntries(Object.entries(node.attributes).map(([k, v]) => [k, widenAttribute(k, v)])),
  };
}

function widenGraph(graph: Graph): Graph {
  return {
    ...graph,
    nodes: graph.nodes.map(widenNode),
    inputs: graph.inputs.map(widenValue),
    outputs: graph.outputs.map(widenValue),
    initializers: new Map([...graph.initializers].map(([name, tensor]) => [name, widenTensor(tensor)])),
  };
}

/** Whether a graph has weights or inputs in half precision. */
export const isHalfPrecision = (graph: Graph): boolean =>
  graph.inputs.some(({ type }) => isHalf(type)) || [...graph.initializers.values()].some(({ type }) => isHalf(type));

/**
 * The graph in float32 if it is in half precision; any other graph unchanged.
 *
 * @throws GraftError (`data`) if it uses operators outside of ONNX's own set, whose types are unknown
 */
export const widen = (graph: Graph): Graph => (isHalfPrecision(graph) ? widenGraph(graph) : graph);
