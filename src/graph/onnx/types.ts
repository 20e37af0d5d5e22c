/** ONNX's numbers for element types. */
import { TensorProto_DataType as DataType } from "onnx-buf";
import type { TensorType } from "../tensor.ts";

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
