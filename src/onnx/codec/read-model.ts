/**
 * Reads the bytes of an `.onnx` file into a {@link Model}, after estimating how much memory that takes. Refuses what a Model cannot
 * represent (external data, sparse tensors, model-local functions, newer operator sets) instead of dropping it. Weights stay views of
 * the file's bytes.
 */
import { type DescField, type DescMessage, fromBinary, ScalarType } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import {
  type AttributeProto,
  AttributeProto_AttributeType as AttributeType,
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type ValueInfoProto,
} from "onnx-buf";
import { dataError } from "../../base/errors.ts";
import type { Attribute, Graph, Model, Node, Tensor, Value } from "../model.ts";
import { readTensor, tensorTypeOf } from "./tensor-proto.ts";

/** The operator-set versions that ONNX Runtime 1.30 runs. */
const MIN_OPSET = 7;
const MAX_OPSET = 26;

/**
 * Reads an ONNX model.
 *
 * @param bytes the whole file; the model keeps views of it
 * @param source what errors call the file
 * @throws GraftError (`data`) if the bytes are not a model that Graft can represent
 */
export function decodeModel(bytes: Uint8Array, source: string): Model {
  const proto = parse(bytes, source);
  const graph = proto.graph;
  if (!graph || graph.node.length === 0 || graph.output.length === 0) {
    throw dataError(`${source} is not an ONNX model: it has no graph. Give a file that an ONNX exporter wrote.`);
  }
  if (proto.functions.length > 0) {
    throw dataError(
      `${source} uses model-local functions, which Graft does not read: export it again with functions inlined.`,
    );
  }
  const opsets = new Map(proto.opsetImport.map(({ domain, version }) => [domain, Number(version)]));
  // "ai.onnx" is the long name of the default domain.
  const version = opsets.get("") ?? opsets.get("ai.onnx");
  if (version === undefined || version < MIN_OPSET || version > MAX_OPSET) {
    throw dataError(
      `${source} is written for ONNX operator set ${version ?? "unknown"}, and Graft reads ${MIN_OPSET} to ${MAX_OPSET}: export it again with opset 18.`,
    );
  }
  opsets.delete("ai.onnx");
  opsets.set("", version);
  return {
    irVersion: Number(proto.irVersion),
    opsets,
    graph: readGraph(graph, source),
    metadata: new Map(proto.metadataProps.map(({ key, value }) => [key, value])),
    producer: proto.producerName === "" ? undefined : `${proto.producerName} ${proto.producerVersion}`.trimEnd(),
  };
}

/** The memory in bytes that reading may take besides the file: three times its size, plus what the largest valid graphs need. */
const allowance = (size: number): number => 3 * size + 64 * 2 ** 20;

function parse(bytes: Uint8Array, source: string): ModelProto {
  // A plain view: a Buffer would give its own `slice` to every weight.
  const view = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let cost: number;
  try {
    cost = readCost(ModelProtoSchema, view);
  } catch (error) {
    throw dataError(
      `${source} is not an ONNX model, or it is cut off: its ${bytes.length} bytes are not valid protobuf.`,
      error,
    );
  }
  if (cost > allowance(bytes.length)) {
    throw dataError(
      `${source} would take ${Math.round(cost / 2 ** 20)} MB of memory to read its ${bytes.length} bytes: it is damaged, or its weights are not stored as raw data and must be exported so.`,
    );
  }
  try {
    return fromBinary(ModelProtoSchema, view, { readUnknownFields: false });
  } catch (error) {
    throw dataError(
      `${source} is not an ONNX model, or it is cut off: its ${bytes.length} bytes are not valid protobuf.`,
      error,
    );
  }
}

function readGraph(proto: GraphProto, source: string): Graph {
  if (proto.sparseInitializer.length > 0) {
    throw dataError(`${source} has sparse weights, which Graft does not read: export it again with dense ones.`);
  }
  const initializers = new Map<string, Tensor>(
    proto.initializer.map((tensor) => [tensor.name, readTensor(tensor, source)]),
  );
  return {
    name: proto.name,
    nodes: proto.node.map((node) => readNode(node, source)),
    // Before IR version 4 every weight was also listed as an input.
    inputs: proto.input.filter(({ name }) => !initializers.has(name)).map((value) => readValue(value, source)),
    outputs: proto.output.map((value) => readValue(value, source)),
    initializers,
  };
}

function readValue(proto: ValueInfoProto, source: string): Value {
  const type = proto.type?.value;
  if (type?.case !== "tensorType") {
    throw dataError(`In ${source}, "${proto.name}" is not a tensor: Graft works on graphs of tensors only.`);
  }
  const element = tensorTypeOf(type.value.elemType);
  if (!element) {
    throw dataError(
      `In ${source}, "${proto.name}" has element type ${type.value.elemType}, which Graft does not know.`,
    );
  }
  const value = { name: proto.name, type: element };
  const shape = type.value.shape;
  if (!shape) return value;
  const dims = shape.dim.map(({ value: dim }) => {
    if (dim.case === "dimValue") return Number(dim.value);
    return dim.case === "dimParam" && dim.value !== "" ? dim.value : undefined;
  });
  return { ...value, dims };
}

function readNode(proto: NodeProto, source: string): Node {
  const attributes = Object.fromEntries(proto.attribute.map((a) => [a.name, readAttribute(a, proto.name, source)]));
  return {
    name: proto.name,
    op: proto.opType,
    domain: proto.domain === "ai.onnx" ? "" : proto.domain,
    inputs: proto.input,
    outputs: proto.output,
    attributes,
  };
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

function readAttribute(proto: AttributeProto, nodeName: string, source: string): Attribute {
  switch (proto.type) {
    case AttributeType.INT:
      return { type: "int", value: Number(proto.i) };
    case AttributeType.FLOAT:
      return { type: "float", value: proto.f };
    case AttributeType.STRING:
      return { type: "string", value: text(proto.s) };
    case AttributeType.INTS:
      return { type: "ints", value: proto.ints.map(Number) };
    case AttributeType.FLOATS:
      return { type: "floats", value: proto.floats };
    case AttributeType.STRINGS:
      return { type: "strings", value: proto.strings.map(text) };
    case AttributeType.TENSOR:
      if (proto.t) return { type: "tensor", value: readTensor(proto.t, source) };
      break;
    case AttributeType.GRAPH:
      if (proto.g) return { type: "graph", value: readGraph(proto.g, source) };
      break;
  }
  throw dataError(
    `In ${source}, attribute "${proto.name}" of node "${nodeName}" is of a kind that Graft does not read (${proto.type}).`,
  );
}

// Estimates the memory that reading a protobuf file takes before reading it: a file of one megabyte can contain half a million empty
// nodes, or graphs nested deep enough to overflow the stack. Weights cost nothing: they stay views of the file.

/** The deepest nesting of messages: a graph in a node's attribute takes three levels. */
const MAX_DEPTH = 100;
/** Approximate bytes per message: onnx-buf's object (270 for the largest, NodeProto) and Graft's own. */
const MESSAGE_BYTES = 600;
/** Bytes per number in a list, and per 64-bit number, which is an object in JavaScript. */
const NUMBER_BYTES = 8;
const BIGINT_BYTES = 32;
/** Bytes per text besides its characters, each of which takes two at most. */
const STRING_BYTES = 32;

const big = new Set([ScalarType.INT64, ScalarType.UINT64, ScalarType.SINT64, ScalarType.FIXED64, ScalarType.SFIXED64]);

const numberings = new WeakMap<DescMessage, ReadonlyMap<number, DescField>>();
function fieldsOf(message: DescMessage): ReadonlyMap<number, DescField> {
  const known = numberings.get(message) ?? new Map(message.fields.map((field) => [field.number, field]));
  numberings.set(message, known);
  return known;
}

/**
 * The approximate memory in bytes that a message takes, besides the file itself.
 *
 * @throws Error if the bytes are not protobuf; RangeError if messages are nested too deeply
 */
export function readCost(message: DescMessage, bytes: Uint8Array): number {
  const reader = new BinaryReader(bytes);
  return costOf(message, reader, bytes, reader.len, 0);
}

function costOf(message: DescMessage, reader: BinaryReader, bytes: Uint8Array, end: number, depth: number): number {
  if (depth > MAX_DEPTH) throw new RangeError(`messages are nested more than ${MAX_DEPTH} deep`);
  const fields = fieldsOf(message);
  let cost = MESSAGE_BYTES;
  while (reader.pos < end) {
    const [number, wire] = reader.tag();
    const field = fields.get(number);
    if (!field || wire !== WireType.LengthDelimited) {
      reader.skip(wire, number);
      cost += field ? BIGINT_BYTES : 0;
      continue;
    }
    const length = reader.uint32();
    const until = reader.pos + length;
    if (until > end) throw new RangeError("a length goes beyond its message");
    const inner = "message" in field ? field.message : undefined;
    if (inner) cost += costOf(inner, reader, bytes, until, depth + 1);
    else cost += scalarCost(field, bytes.subarray(reader.pos, until));
    reader.pos = until;
  }
  return cost;
}

/** The cost of a text, an array of bytes (a view of the file), or a packed list of numbers. */
function scalarCost(field: DescField, content: Uint8Array): number {
  const type = "scalar" in field ? field.scalar : undefined;
  if (type === ScalarType.BYTES) return STRING_BYTES;
  if (type === ScalarType.STRING) return STRING_BYTES + 2 * content.length;
  if (type === ScalarType.FLOAT || type === ScalarType.DOUBLE) return 2 * content.length;
  let count = 0;
  for (const byte of content) if (byte < 0x80) count++;
  return count * (type !== undefined && big.has(type) ? BIGINT_BYTES : NUMBER_BYTES);
}
