/**
 * An ONNX model as plain data: the graph, its nodes and its constant tensors, which the rest of Graft reads, rewrites and builds. Does
 * not read or write protobuf.
 */
import { dataError } from "../base/errors.ts";

/** One dimension of a value: a size, a symbol shared between values (`"N"`), or undefined if unknown. */
export type Dimension = number | string | undefined;

/**
 * A declared graph input or output. `dims` is absent if the rank is unknown. `type` may be absent on an output; the runtime then
 * infers it.
 */
export interface Value {
  readonly name: string;
  readonly type?: TensorType | undefined;
  readonly dims?: readonly Dimension[] | undefined;
}

/** An attribute of a node, tagged as ONNX tags it. */
export type Attribute =
  | { readonly type: "int"; readonly value: number }
  | { readonly type: "float"; readonly value: number }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "tensor"; readonly value: Tensor }
  | { readonly type: "graph"; readonly value: Graph }
  | { readonly type: "ints"; readonly value: readonly number[] }
  | { readonly type: "floats"; readonly value: readonly number[] }
  | { readonly type: "strings"; readonly value: readonly string[] };

/** One operation. An empty input or output name means "not given", as in ONNX. */
export interface Node {
  readonly name: string;
  /** The operator's name, such as `Conv`. */
  readonly op: string;
  /** The domain of the operator set; `""` is ONNX's own. */
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

/** Operations in topological order, with the constants that they read. */
export interface Graph {
  readonly name: string;
  readonly nodes: readonly Node[];
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Weights and other constants by tensor name. */
  readonly initializers: ReadonlyMap<string, Tensor>;
}

/** A graph with the versions of its operators. */
export interface Model {
  readonly irVersion: number;
  /** Operator-set versions by domain; `""` is ONNX's own. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly graph: Graph;
  /** Free text by key (`metadata_props`). */
  readonly metadata: ReadonlyMap<string, string>;
  /** The program that wrote the file, with its version, if the file says so. */
  readonly producer?: string | undefined;
}

/** The ONNX operator set that Graft writes by default: the first with antialiased `Resize`. */
export const GRAFT_OPSET = 18;
/** The ONNX file format version that goes with {@link GRAFT_OPSET}. */
export const GRAFT_IR_VERSION = 8;
/** The domain of ONNX Runtime's blocked convolutions and its version; `hasBlockedConvolutions` checks whether a build has them. */
export const BLOCKED = { domain: "com.microsoft.nchwc", version: 1 } as const;

/** A value for an attribute; a bare number or list of numbers means integers. */
export type AttributeLike = number | string | readonly number[] | Attribute;

/** A floating-point attribute (a bare number would be an integer one). */
export const float = (value: number): Attribute => ({ type: "float", value });

function toAttribute(value: AttributeLike): Attribute {
  if (typeof value === "number") return { type: "int", value };
  if (typeof value === "string") return { type: "string", value };
  if (Array.isArray(value)) return { type: "ints", value };
  return value as Attribute;
}

/**
 * A node in ONNX's own operator set, named after its first output.
 *
 * @example node("Conv", ["x", "w"], ["y"], { strides: [2, 2], group: 1 })
 */
export function node(
  op: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: Readonly<Record<string, AttributeLike>> = {},
): Node {
  const tagged = Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, toAttribute(value)]));
  return { name: outputs[0] ?? op, op, domain: "", inputs, outputs, attributes: tagged };
}

/** A model around a graph, in the operator set that Graft writes. */
export function modelOf(graph: Graph, metadata: ReadonlyMap<string, string> = new Map()): Model {
  return { irVersion: GRAFT_IR_VERSION, opsets: new Map([["", GRAFT_OPSET]]), graph, metadata };
}

/** The integer attribute `name` of a node, or `fallback`. */
export function intAttribute(of: Node, name: string, fallback: number): number {
  const attribute = of.attributes[name];
  return attribute?.type === "int" ? attribute.value : fallback;
}

/** The integer-list attribute `name` of a node, if it has one. */
export function intsAttribute(of: Node, name: string): readonly number[] | undefined {
  const attribute = of.attributes[name];
  return attribute?.type === "ints" ? attribute.value : undefined;
}

/** The floating-point attribute `name` of a node, or `fallback`. */
export function floatAttribute(of: Node, name: string, fallback: number): number {
  const attribute = of.attributes[name];
  return attribute?.type === "float" ? attribute.value : fallback;
}

/** The text attribute `name` of a node, or `fallback`. */
export function stringAttribute(of: Node, name: string, fallback: string): string {
  const attribute = of.attributes[name];
  return attribute?.type === "string" ? attribute.value : fallback;
}

// Constant tensors: a type, a shape, and the bytes as ONNX stores them (little-endian, row-major). Where possible the bytes are views
// of the file, so that a network's weights are in memory once.

/** Element types that Graft reads and writes, named as in JavaScript and NumPy. */
export type TensorType =
  | "float32"
  | "float16"
  | "bfloat16"
  | "float64"
  | "uint8"
  | "int8"
  | "uint16"
  | "int16"
  | "uint32"
  | "int32"
  | "uint64"
  | "int64"
  | "bool"
  | "string";

/** Bytes per element; strings have no fixed size. */
export const bytesPerElement: Readonly<Record<TensorType, number>> = {
  float32: 4,
  float16: 2,
  bfloat16: 2,
  float64: 8,
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  uint64: 8,
  int64: 8,
  bool: 1,
  string: 0,
};

/** What is known of a tensor before anything runs: its element type and its shape. */
export interface TensorShape {
  readonly type: TensorType;
  readonly dims: readonly number[];
}

/** A constant: `bytes.length === elementCount(dims) × bytesPerElement[type]`. */
export interface Tensor extends TensorShape {
  readonly bytes: Uint8Array;
}

/** The number of elements of a shape; 1 for a scalar's `[]`. */
export const elementCount = (dims: readonly number[]): number => dims.reduce((product, size) => product * size, 1);

const bytesOf = (data: ArrayBufferView): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

function checked(type: TensorType, dims: readonly number[], bytes: Uint8Array): Tensor {
  const expected = elementCount(dims) * bytesPerElement[type];
  if (bytes.length !== expected) {
    throw new RangeError(`A ${type} tensor [${dims}] takes ${expected} bytes, but ${bytes.length} were given.`);
  }
  return { type, dims, bytes };
}

/** A float32 tensor over `data` (not copied). Throws a RangeError if size and shape disagree. */
export const float32Tensor = (dims: readonly number[], data: Float32Array | readonly number[]): Tensor =>
  checked("float32", dims, bytesOf(data instanceof Float32Array ? data : Float32Array.from(data)));

/** A number as int64: 2^63 is the largest int64, which a JavaScript number cannot hold; exporters write it for "to the end". */
export const toInt64 = (value: number): bigint => (value >= 2 ** 63 ? 2n ** 63n - 1n : BigInt(value));

/** An int64 tensor, the type of shapes, axes and indices in ONNX. */
export const int64Tensor = (dims: readonly number[], values: readonly number[]): Tensor =>
  checked("int64", dims, bytesOf(BigInt64Array.from(values, toInt64)));

/** A tensor of any type over bytes in ONNX's order (not copied). Throws a RangeError if size and shape disagree. */
export const rawTensor = checked;

/** The elements of a float32 tensor, without a copy if the bytes are aligned. Throws a GraftError (`data`) for another type. */
export function asFloat32(tensor: Tensor): Float32Array {
  if (tensor.type !== "float32") throw dataError(`Expected a float32 tensor, but got ${tensor.type}.`);
  return alignedView(tensor.bytes, 4, (buffer, offset, length) => new Float32Array(buffer, offset, length));
}

/** The elements of an integer tensor (int64, int32, uint8, int8) as numbers. Throws a GraftError (`data`) for another type. */
export function asIntegers(tensor: Tensor): number[] {
  const { bytes } = tensor;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const readers: Partial<Record<TensorType, (offset: number) => number>> = {
    int64: (offset) => Number(view.getBigInt64(offset, true)),
    int32: (offset) => view.getInt32(offset, true),
    uint8: (offset) => view.getUint8(offset),
    int8: (offset) => view.getInt8(offset),
  };
  const read = readers[tensor.type];
  if (!read) throw dataError(`Expected an integer tensor, but got ${tensor.type}.`);
  const size = bytesPerElement[tensor.type];
  return Array.from({ length: bytes.length / size }, (_, index) => read(index * size));
}

/** A typed view of bytes, copied only if they do not start at a multiple of `size`. */
function alignedView<T>(
  bytes: Uint8Array,
  size: number,
  view: (buffer: ArrayBufferLike, offset: number, length: number) => T,
): T {
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  return view(aligned.buffer, aligned.byteOffset, aligned.byteLength / size);
}
