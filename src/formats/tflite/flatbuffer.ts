/**
 * Reads FlatBuffers tables of untrusted files: every offset and length is checked against the file, and the total that is read is limited
 * to a few times its size, because a hostile file may refer to the same bytes many times. Knows no table of TensorFlow Lite.
 */
import { ByteBuffer } from "flatbuffers";
import { dataError, type GraftError } from "../../base/errors.ts";

/** How many times the bytes of a file may be read: shared buffers and names are legitimate. */
const READS_PER_BYTE = 8;
const SPARE_READS = 1 << 16;

/** A file of FlatBuffers tables; `source` names it in errors. */
export class FlatFile {
  readonly bytes: Uint8Array;
  readonly source: string;
  readonly buffer: ByteBuffer;
  #allowance: number;

  constructor(bytes: Uint8Array, source: string) {
    // A Node `Buffer` becomes plain bytes: its `slice` does not copy.
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    this.source = source;
    this.buffer = new ByteBuffer(this.bytes);
    this.#allowance = bytes.length * READS_PER_BYTE + SPARE_READS;
  }

  /** The error for a file whose bytes contradict themselves. */
  damaged(what: string): GraftError {
    return dataError(`${this.source} is a damaged TensorFlow Lite model (${what}): download or export it again.`);
  }

  /** `position`, if `size` bytes from there are within the file; otherwise throws a data error. */
  within(position: number, size: number): number {
    if (position < 0 || position + size > this.bytes.length) {
      throw this.damaged(`it refers to byte ${position + size} of ${this.bytes.length}`);
    }
    return position;
  }

  /** Counts `size` bytes as read. Throws a data error if the file has been read too many times. */
  spend(size: number): void {
    this.#allowance -= size;
    if (this.#allowance < 0) throw this.damaged("it refers to the same bytes repeatedly");
  }

  /** The root table. Throws a data error if the file does not have the four-letter `identifier`. */
  root(identifier: string): Table {
    const length = this.bytes.length;
    if (length < 8 || this.buffer.getBufferIdentifier() !== identifier) {
      throw dataError(
        `${this.source} is not a TensorFlow Lite model: bytes 4 to 7 are not "${identifier}"; pass a .tflite or .lite file.`,
      );
    }
    return new Table(this, this.indirect(0));
  }

  /** The position that the unsigned offset at `at` refers to. */
  indirect(at: number): number {
    return this.within(at + this.buffer.readUint32(this.within(at, 4)), 4);
  }
}

/** A table of a file; its vtable locates its fields. */
export class Table {
  readonly file: FlatFile;
  readonly #position: number;
  readonly #vtable: number;
  readonly #vtableSize: number;

  constructor(file: FlatFile, position: number) {
    this.file = file;
    this.#position = position;
    this.#vtable = file.within(position - file.buffer.readInt32(file.within(position, 4)), 4);
    this.#vtableSize = file.buffer.readUint16(this.#vtable);
    file.within(this.#vtable, this.#vtableSize);
  }

  /** The position of field number `slot` of `size` bytes; undefined if the table omits it. */
  find(slot: number, size: number): number | undefined {
    const entry = 4 + 2 * slot;
    if (entry + 2 > this.#vtableSize) return undefined;
    const offset = this.file.buffer.readUint16(this.#vtable + entry);
    return offset === 0 ? undefined : this.file.within(this.#position + offset, size);
  }

  /** Start and number of elements of the vector in field `slot`, with elements of `size` bytes. */
  vector(slot: number, size: number): { readonly start: number; readonly length: number } | undefined {
    const at = this.find(slot, 4);
    if (at === undefined) return undefined;
    const head = this.file.indirect(at);
    const length = this.file.buffer.readUint32(head);
    return { start: this.file.within(head + 4, length * size), length };
  }
}

/** Reads a field; an absent table is read as one without fields. */
export type Field<T> = (table: Table | undefined) => T;
/** A table's definition: one reader per field. */
export type Schema = Readonly<Record<string, Field<unknown>>>;
/** The fields of a table by its schema. */
export type Row<S extends Schema> = { readonly [K in keyof S]: ReturnType<S[K]> };

/** Reads all fields of a table. */
export function readRow<S extends Schema>(table: Table | undefined, schema: S): Row<S> {
  return Object.fromEntries(Object.entries(schema).map(([key, field]) => [key, field(table)])) as Row<S>;
}

type Read<T> = (buffer: ByteBuffer, at: number) => T;

const scalar =
  <T>(size: number, read: Read<T>) =>
  (slot: number, fallback: T): Field<T> =>
  (table) => {
    const at = table?.find(slot, size);
    return table === undefined || at === undefined ? fallback : read(table.file.buffer, at);
  };

const list =
  <T>(size: number, read: Read<T>) =>
  (slot: number): Field<T[]> =>
  (table) => {
    const found = table?.vector(slot, size);
    if (!table || !found) return [];
    table.file.spend(found.length * size);
    return Array.from({ length: found.length }, (_, index) => read(table.file.buffer, found.start + index * size));
  };

/** Readers of a signed byte (also FlatBuffers' enums), an unsigned byte, integers, a float and a boolean, with defaults. */
export const int8 = scalar(1, (buffer, at) => buffer.readInt8(at));
export const uint8 = scalar(1, (buffer, at) => buffer.readUint8(at));
export const int32 = scalar(4, (buffer, at) => buffer.readInt32(at));
export const uint32 = scalar(4, (buffer, at) => buffer.readUint32(at));
export const float32 = scalar(4, (buffer, at) => buffer.readFloat32(at));
export const flag = scalar(1, (buffer, at) => buffer.readUint8(at) !== 0);

/** Readers of vectors of numbers; empty if absent. */
export const int32s = list(4, (buffer, at) => buffer.readInt32(at));
export const float32s = list(4, (buffer, at) => buffer.readFloat32(at));
export const int64s = list(8, (buffer, at) => Number(buffer.readInt64(at)));

/** Reads a `ubyte` vector, not copied; empty if absent. */
export const blob =
  (slot: number): Field<Uint8Array> =>
  (table) => {
    const found = table?.vector(slot, 1);
    return table && found ? table.file.bytes.subarray(found.start, found.start + found.length) : new Uint8Array();
  };

const decoder = new TextDecoder();

/** Reads UTF-8 text; empty if absent. */
export const text =
  (slot: number): Field<string> =>
  (table) => {
    const bytes = blob(slot)(table);
    table?.file.spend(bytes.length);
    return decoder.decode(bytes);
  };

/** Reads a table within a table. */
export const child =
  (slot: number): Field<Table | undefined> =>
  (table) => {
    const at = table?.find(slot, 4);
    return table === undefined || at === undefined ? undefined : new Table(table.file, table.file.indirect(at));
  };

/** Reads a vector of tables. */
export const children =
  (slot: number): Field<Table[]> =>
  (table) => {
    const found = table?.vector(slot, 4);
    if (!table || !found) return [];
    table.file.spend(found.length * 4);
    return Array.from({ length: found.length }, (_, index) => {
      return new Table(table.file, table.file.indirect(found.start + index * 4));
    });
  };
