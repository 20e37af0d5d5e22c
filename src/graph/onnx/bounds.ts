/**
 * Estimates the memory that reading a protobuf file takes before reading it: a file of one megabyte can contain half a million
 * empty nodes, or graphs nested deep enough to overflow the stack. Weights cost nothing: they stay views of the file.
 */
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

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
