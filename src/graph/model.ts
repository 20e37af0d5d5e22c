/**
 * An ONNX model as plain data, which the rest of Graft reads, rewrites and builds. Does not read or write protobuf.
 */
import type { Tensor, TensorType } from "./tensor.ts";

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
/** The domain of ONNX Runtime's blocked convolutions and its version; blocked.ts checks whether a build has them. */
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
