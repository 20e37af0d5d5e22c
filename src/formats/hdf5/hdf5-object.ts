/**
 * The object headers of HDF5: every group and dataset is a list of messages, in blocks anywhere in the file. Also reads the messages
 * of element types and shapes; values are read elsewhere. HDF5 File Format Specification 3.0, section IV.A
 * (https://docs.hdfgroup.org/hdf5/v1_14/_f_m_t3.html).
 */

import type { TensorType } from "../../onnx/model.ts";
import { type Cursor, damaged, type MetadataReader, unsupported } from "./hdf5-bytes.ts";

/** The message types that are read, by their numbers in the specification. */
export const messageTypes = {
  dataspace: 0x01,
  linkInfo: 0x02,
  datatype: 0x03,
  link: 0x06,
  externalFiles: 0x07,
  layout: 0x08,
  filters: 0x0b,
  attribute: 0x0c,
  continuation: 0x10,
  symbolTable: 0x11,
  attributeInfo: 0x15,
} as const;

/** A message; `contents` starts at its first byte. */
export interface Message {
  readonly type: number;
  readonly contents: Cursor;
}

/** The place of a block of messages. */
interface Block {
  readonly address: number;
  readonly length: number;
}

/** The flag of a message whose contents are in another object's header: a committed datatype. */
const SHARED = 0x02;

/**
 * All messages of the object at `address`.
 *
 * @throws GraftError (`data`) if there is no object, or its list of messages does not end
 */
export async function readObject(file: MetadataReader, address: number): Promise<readonly Message[]> {
  const first = await file.at(address, 4, "an object header");
  return first.signature("OHDR") ? readVersion2(file, address) : readVersion1(file, address);
}

async function readVersion1(file: MetadataReader, address: number): Promise<Message[]> {
  const head = await file.at(address, 16, "an object header");
  if (head.u8() !== 1) throw damaged(file.path, `there is no object at byte ${address}`);
  const length = head.skip(7).u32();
  return readBlocks(file, { address: address + 16, length }, (cursor) => {
    const [type, size, flags] = [cursor.u16(), cursor.u16(), cursor.u8()];
    return { type, flags, contents: cursor.skip(3).part(size) };
  });
}

async function readVersion2(file: MetadataReader, address: number): Promise<Message[]> {
  const head = await file.at(address, Math.min(32, file.size - address), "an object header");
  const version = head.skip(4).u8();
  if (version !== 2) throw damaged(file.path, `an object header has version ${version}`);
  const flags = head.u8();
  if (flags & 0x20) head.skip(16);
  if (flags & 0x10) head.skip(4);
  const length = head.uint(1 << (flags & 3));
  const ordered = (flags & 0x04) !== 0;
  const message = (cursor: Cursor): FlaggedMessage => {
    const [type, size, messageFlags] = [cursor.u8(), cursor.u16(), cursor.u8()];
    if (ordered) cursor.skip(2);
    return { type, flags: messageFlags, contents: cursor.part(size) };
  };
  // A continuation starts with "OCHK" and ends with a checksum, which are not messages.
  const inner = ({ address, length }: Block): Block => ({ address: address + 4, length: Math.max(0, length - 8) });
  return readBlocks(file, { address: address + head.at, length }, message, inner, ordered ? 6 : 4);
}

interface FlaggedMessage extends Message {
  readonly flags: number;
}

/** @param prefix size of a message's header in bytes; fewer bytes at the end of a block are padding */
async function readBlocks(
  file: MetadataReader,
  first: Block,
  next: (cursor: Cursor) => FlaggedMessage,
  inner: (block: Block) => Block = (block) => block,
  prefix = 8,
): Promise<Message[]> {
  const messages: Message[] = [];
  const blocks = [first];
  const seen = new Set<number>();
  for (let block = blocks.shift(); block; block = blocks.shift()) {
    if (seen.has(block.address)) throw damaged(file.path, "an object header continues in itself");
    seen.add(block.address);
    const cursor = await file.at(block.address, block.length, "an object header");
    while (cursor.left >= prefix) {
      const { type, flags, contents } = next(cursor);
      if (type === messageTypes.continuation) {
        const address = contents.address();
        if (address === undefined) throw damaged(file.path, "an object header's continuation has no address");
        blocks.push(inner({ address, length: contents.u64() }));
      } else if (flags & SHARED && type === messageTypes.datatype) {
        throw unsupported(file.path, "a dataset whose type is another object");
      } else messages.push({ type, contents });
    }
  }
  return messages;
}

// Element types and shapes of datasets and attributes: the messages "datatype" and "dataspace". HDF5 File Format Specification 3.0,
// sections IV.A.2.b and IV.A.2.d. Only Graft's number types and texts are distinguished.

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
