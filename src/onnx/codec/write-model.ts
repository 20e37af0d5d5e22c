/**
 * Writes a {@link Model} as an `.onnx` file, whole or with its large weights in a second file. The result is a list of chunks in which
 * every weight is the model's own array: a 550 MB network is written without a second copy. Writes nothing to the disk.
 */
import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  type AttributeProtoSchema,
  AttributeProto_AttributeType as AttributeType,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProtoSchema,
  TensorProto_DataLocation,
  TensorProtoSchema,
  type ValueInfoProtoSchema,
} from "onnx-buf";
import { type Attribute, type Graph, type Model, type Node, type Tensor, toInt64, type Value } from "../model.ts";
import { dataTypeOf } from "./tensor-proto.ts";

/** Field numbers of `onnx.proto` that are written directly, so that weights are not copied. */
const MODEL_GRAPH = 7;
const GRAPH_INITIALIZER = 5;
const TENSOR_RAW_DATA = 9;

/** The chunks of the file, in order. */
export function encodeModel(model: Model): Uint8Array[] {
  const head = toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: BigInt(model.irVersion),
      producerName: "graft",
      opsetImport: [...model.opsets].map(([domain, version]) => ({ domain, version: BigInt(version) })),
      metadataProps: [...model.metadata].map(([key, value]) => ({ key, value })),
    }),
  );
  const { initializers, ...rest } = model.graph;
  const body = toBinary(
    GraphProtoSchema,
    create(
      GraphProtoSchema,
      graphInit({ ...rest, initializers: new Map() }) as MessageInitShape<typeof GraphProtoSchema>,
    ),
  );
  const graph = [body, ...[...initializers].flatMap(([name, tensor]) => initializerChunks(name, tensor))];
  return [head, prefix(MODEL_GRAPH, totalBytes(graph)), ...graph];
}

/** The model as one array, for small models and for a runtime. */
export function encodeModelWhole(model: Model): Uint8Array<ArrayBuffer> {
  const chunks = encodeModel(model);
  const whole = new Uint8Array(totalBytes(chunks));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

/** The size of a list of chunks in bytes. */
export const totalBytes = (chunks: readonly Uint8Array[]): number =>
  chunks.reduce((sum, { length }) => sum + length, 0);

/** Tag and length of a length-delimited protobuf field. */
const prefix = (field: number, length: number): Uint8Array =>
  new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish();

function initializerChunks(name: string, tensor: Tensor): Uint8Array[] {
  const head = toBinary(
    TensorProtoSchema,
    create(TensorProtoSchema, { name, dims: tensor.dims.map(BigInt), dataType: dataTypeOf[tensor.type] }),
  );
  const raw = prefix(TENSOR_RAW_DATA, tensor.bytes.length);
  const length = head.length + raw.length + tensor.bytes.length;
  return [prefix(GRAPH_INITIALIZER, length), head, raw, tensor.bytes];
}

const tensorInit = (name: string, tensor: Tensor): MessageInitShape<typeof TensorProtoSchema> => ({
  name,
  dims: tensor.dims.map(BigInt),
  dataType: dataTypeOf[tensor.type],
  rawData: new Uint8Array(tensor.bytes),
});

function graphInit(graph: Graph): MessageInitShape<typeof GraphProtoSchema> {
  return {
    name: graph.name,
    node: graph.nodes.map(nodeInit),
    input: graph.inputs.map(valueInit),
    output: graph.outputs.map(valueInit),
    initializer: [...graph.initializers].map(([name, tensor]) => tensorInit(name, tensor)),
  };
}

function valueInit({ name, type, dims }: Value): MessageInitShape<typeof ValueInfoProtoSchema> {
  if (!type) return { name };
  const shape = dims && {
    dim: dims.map((dim) => {
      if (dim === undefined) return {};
      return typeof dim === "number"
        ? { value: { case: "dimValue" as const, value: BigInt(dim) } }
        : { value: { case: "dimParam" as const, value: dim } };
    }),
  };
  const elemType = dataTypeOf[type];
  return { name, type: { value: { case: "tensorType", value: shape ? { elemType, shape } : { elemType } } } };
}

const nodeInit = (of: Node): MessageInitShape<typeof NodeProtoSchema> => ({
  name: of.name,
  opType: of.op,
  domain: of.domain,
  input: [...of.inputs],
  output: [...of.outputs],
  attribute: Object.entries(of.attributes).map(([name, attribute]) => attributeInit(name, attribute)),
});

const utf8 = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(value);

function attributeInit(name: string, attribute: Attribute): MessageInitShape<typeof AttributeProtoSchema> {
  switch (attribute.type) {
    case "int":
      return { name, type: AttributeType.INT, i: toInt64(attribute.value) };
    case "float":
      return { name, type: AttributeType.FLOAT, f: attribute.value };
    case "string":
      return { name, type: AttributeType.STRING, s: utf8(attribute.value) };
    case "tensor":
      return { name, type: AttributeType.TENSOR, t: tensorInit("", attribute.value) };
    case "graph":
      return { name, type: AttributeType.GRAPH, g: graphInit(attribute.value) };
    case "ints":
      return { name, type: AttributeType.INTS, ints: attribute.value.map(toInt64) };
    case "floats":
      return { name, type: AttributeType.FLOATS, floats: [...attribute.value] };
    case "strings":
      return { name, type: AttributeType.STRINGS, strings: attribute.value.map(utf8) };
  }
}

// With a second file of the large weights (ONNX's external data), which a runtime maps into memory instead of copying it: a large
// network's weights are then in memory twice instead of five times.

/** Tensors start at multiples of this many bytes so that they can be mapped: the page size of any common system divides it. */
const PAGE = 65_536;
/** Smaller tensors stay in the model, where shape inference can read them. */
const LARGE = 65_536;

/** Both files of a model. */
export interface ExternalModel {
  readonly model: Uint8Array;
  /** The chunks of the weights file, in order; large ones are the arrays of the model itself, not copies. */
  readonly weights: readonly Uint8Array[];
}

/**
 * Writes a model with its large weights in a second file.
 *
 * @param file the name of the weights file, in the folder of the model
 */
export function encodeModelExternally(model: Model, file: string): ExternalModel {
  const all = [...model.graph.initializers];
  const isLarge = ([, { bytes }]: readonly [string, Tensor]): boolean => bytes.length >= LARGE;
  const initializers = new Map(all.filter((entry) => !isLarge(entry)));
  const proto = fromBinary(ModelProtoSchema, encodeModelWhole({ ...model, graph: { ...model.graph, initializers } }));
  const weights: Uint8Array[] = [];
  let offset = 0;
  for (const [name, { type, dims, bytes }] of all.filter(isLarge)) {
    proto.graph?.initializer.push(
      create(TensorProtoSchema, {
        name,
        dims: dims.map(BigInt),
        dataType: dataTypeOf[type],
        dataLocation: TensorProto_DataLocation.EXTERNAL,
        externalData: Object.entries({ location: file, offset, length: bytes.length }).map(([key, value]) => ({
          key,
          value: String(value),
        })),
      }),
    );
    const padding = (PAGE - (bytes.length % PAGE)) % PAGE;
    weights.push(bytes, new Uint8Array(padding));
    offset += bytes.length + padding;
  }
  return { model: toBinary(ModelProtoSchema, proto), weights };
}
