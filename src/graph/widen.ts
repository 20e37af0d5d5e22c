/**
 * Converts networks in half precision (float16, bfloat16) to float32: exact for every weight, and faster on a CPU, which computes in
 * float32 anyway. Intermediate results are more precise than in half precision.
 */
import { dataError } from "../base/errors.ts";
import type { Attribute, Graph, Node, Value } from "./model.ts";
import { float32Tensor, type Tensor, type TensorType } from "./tensor.ts";

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
