/**
 * Reads ONNX's `TensorProto` as a {@link Tensor}: element types by ONNX's numbers, raw bytes unchanged, typed fields as raw bytes.
 * Checks sizes before using them.
 */
import { TensorProto_DataLocation as DataLocation, TensorProto_DataType as DataType, type TensorProto } from "onnx-buf";
import { dataError } from "../../base/errors.ts";
import { bytesPerElement, elementCount, rawTensor, type Tensor, type TensorType } from "../model.ts";

/** `TensorProto.DataType` of each element type. */
export const dataTypeOf: Readonly<Record<TensorType, number>> = {
  float32: DataType.FLOAT,
  float16: DataType.FLOAT16,
  bfloat16: DataType.BFLOAT16,
  float64: DataType.DOUBLE,
  uint8: DataType.UINT8,
  int8: DataType.INT8,
  uint16: DataType.UINT16,
  int16: DataType.INT16,
  uint32: DataType.UINT32,
  int32: DataType.INT32,
  uint64: DataType.UINT64,
  int64: DataType.INT64,
  bool: DataType.BOOL,
  string: DataType.STRING,
};

const typeByNumber = new Map<number, TensorType>(
  Object.entries(dataTypeOf).map(([type, number]) => [number, type as TensorType]),
);

/** The element type of ONNX's number; undefined if Graft does not support it. */
export const tensorTypeOf = (dataType: number): TensorType | undefined => typeByNumber.get(dataType);

const bytesOf = (view: ArrayBufferView): Uint8Array => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);

/** The field with the elements of each type if `raw_data` is empty (`onnx.proto`, message TensorProto). */
const typedField: Readonly<Record<TensorType, (proto: TensorProto) => Uint8Array>> = {
  float32: (proto) => bytesOf(Float32Array.from(proto.floatData)),
  float64: (proto) => bytesOf(Float64Array.from(proto.doubleData)),
  int64: (proto) => bytesOf(BigInt64Array.from(proto.int64Data)),
  uint64: (proto) => bytesOf(BigUint64Array.from(proto.uint64Data)),
  uint32: (proto) => bytesOf(Uint32Array.from(proto.uint64Data, Number)),
  int32: (proto) => bytesOf(Int32Array.from(proto.int32Data)),
  int16: (proto) => bytesOf(Int16Array.from(proto.int32Data)),
  uint16: (proto) => bytesOf(Uint16Array.from(proto.int32Data)),
  int8: (proto) => bytesOf(Int8Array.from(proto.int32Data)),
  uint8: (proto) => bytesOf(Uint8Array.from(proto.int32Data)),
  bool: (proto) => bytesOf(Uint8Array.from(proto.int32Data)),
  float16: (proto) => bytesOf(Uint16Array.from(proto.int32Data)),
  bfloat16: (proto) => bytesOf(Uint16Array.from(proto.int32Data)),
  string: () => new Uint8Array(),
};

/** Reads one constant. Throws a GraftError (`data`) if its size and shape disagree or its values are in another file. */
export function readTensor(proto: TensorProto, source: string): Tensor {
  const called = `tensor "${proto.name}" in ${source}`;
  if (proto.dataLocation === DataLocation.EXTERNAL || proto.externalData.length > 0) {
    throw dataError(
      `The weights of ${source} are in a second file (external data): export the model again as one file.`,
    );
  }
  const type = tensorTypeOf(proto.dataType);
  if (!type || type === "string") {
    throw dataError(`The ${called} has element type ${proto.dataType}, which Graft does not read.`);
  }
  const dims = proto.dims.map(Number);
  const expected = elementCount(dims) * bytesPerElement[type];
  const bytes = proto.rawData.length > 0 ? proto.rawData : typedField[type](proto);
  if (dims.some((size) => size < 0) || bytes.length !== expected) {
    throw dataError(`The ${called} has shape [${dims}] but ${bytes.length} bytes: the file is damaged.`);
  }
  return rawTensor(type, dims, bytes);
}
