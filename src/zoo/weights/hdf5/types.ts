/**
 * The element types and shapes of datasets and attributes: the messages "datatype" and "dataspace". HDF5 File Format Specification 3.0,
 * sections IV.A.2.b and IV.A.2.d. Only Graft's number types and texts are distinguished.
 */
import type { TensorType } from "../../../graph/tensor.ts";
import type { Cursor } from "./cursor.ts";

/** The type of an element: a number, a text of `size` bytes, a text in the global heap, or something else. */
export type ElementType =
  | { readonly kind: "number"; readonly type: TensorType; readonly size: number }
  | { readonly kind: "text"; readonly size: number }
  | { readonly kind: "long text"; readonly size: number }
  | { readonly kind: "other"; readonly size: number; readonly name: string };

const FIXED_POINT = 0;
const FLOATING_POINT = 1;
const STRING = 3;
const VARIABLE_LENGTH = 9;
/** A dataspace without elements. */
const EMPTY = 2;

/** The fields of the message (size, position of sign, exponent and fraction, bias) for IEEE 754's formats and bfloat16. */
const floats: readonly { readonly type: TensorType; readonly fields: readonly number[] }[] = [
  { type: "float16", fields: [2, 0, 16, 10, 5, 0, 10, 15] },
  { type: "bfloat16", fields: [2, 0, 16, 7, 8, 0, 7, 127] },
  { type: "float32", fields: [4, 0, 32, 23, 8, 0, 23, 127] },
  { type: "float64", fields: [8, 0, 64, 52, 11, 0, 52, 1023] },
];

const integers: Readonly<Record<string, TensorType>> = {
  i1: "int8",
  i2: "int16",
  i4: "int32",
  i8: "int64",
  u1: "uint8",
  u2: "uint16",
  u4: "uint32",
  u8: "uint64",
};

/** Reads a datatype message. */
export function readElementType(message: Cursor): ElementType {
  const kind = message.u8() & 0x0f;
  const bits = message.u8();
  const size = message.skip(2).u32();
  const other = (name: string): ElementType => ({ kind: "other", size, name });
  if (kind === STRING) return { kind: "text", size };
  if (kind === VARIABLE_LENGTH) return (bits & 0x0f) === 1 ? { kind: "long text", size } : other("lists");
  if (kind !== FIXED_POINT && kind !== FLOATING_POINT) return other(`elements of HDF5 class ${kind}`);
  if (bits & 1) return other("big-endian numbers");
  if (kind === FIXED_POINT) {
    const type = integers[`${bits & 8 ? "i" : "u"}${size}`];
    const [offset, precision] = [message.u16(), message.u16()];
    const whole = offset === 0 && precision === 8 * size;
    return type && whole ? { kind: "number", type, size } : other(`integers of ${precision} bits`);
  }
  const [offset, precision] = [message.u16(), message.u16()];
  const fields = [size, offset, precision, message.u8(), message.u8(), message.u8(), message.u8(), message.u32()];
  const found = floats.find((format) => format.fields.every((value, index) => value === fields[index]));
  return found ? { kind: "number", type: found.type, size } : other(`unusual floating-point numbers of ${size} bytes`);
}

/** Reads a dataspace message: the dimensions, `[]` for a scalar; undefined for "no elements". */
export function readDims(message: Cursor): readonly number[] | undefined {
  const version = message.u8();
  const rank = message.u8();
  message.skip(1);
  if (version === 1) message.skip(5);
  else if (message.u8() === EMPTY) return undefined;
  return Array.from({ length: rank }, () => message.u64());
}
