/**
 * FlatBuffers tables, read with bounds: every offset and length is checked against the file before it is followed,
 * and all that is read may add up to only a few times the file (a damaged or hostile file can point many times at
 * the same bytes). What the tables of TensorFlow Lite contain is in `schema.ts`.
 */
import { ByteBuffer } from "flatbuffers";
import { dataError, type GraftError } from "../../base/errors.ts";

/** How many times over the bytes of a file may be read: shared buffers and names are legitimate, bombs are not. */
const READS_PER_BYTE = 8;
const SPARE_READS = 1 << 16;

/** A file of FlatBuffers tables; `source` names it in errors. */
export class FlatFile {
  readonly bytes: Uint8Array;
  readonly source: string;
  readonly buffer: ByteBuffer;
  #allowance: number;

  constructor(bytes: Uint8Array, source: string) {
    // A Node `Buffer` is seen as plain bytes: its own `slice` does not copy.
    this.bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
    this.source = source;
    this.buffer = new ByteBuffer(this.bytes);
    this.#allowance = bytes.length * READS_PER_BYTE + SPARE_READS;
  }

  /** The error for a file whose bytes contradict themselves. */
  damaged(what: string): GraftError {
    return dataError(`${this.source} is a damaged TensorFlow Lite model (${what}): fetch or export it again.`);
  }

  /** Where `size` bytes start, if they lie within the file; else throws a data error. */
  within(position: number, size: number): number {
    if (position < 0 || position + size > this.bytes.length) {
      throw this.damaged(`it points at byte ${position + size} of ${this.bytes.length}`);
    }
    return position;
  }

  /** Counts `size` bytes as read; throws a data error where the whole file has been read too many times over. */
  spend(size: number): void {
    this.#allowance -= size;
    if (this.#allowance < 0) throw this.damaged("it refers to the same bytes over and over");
  }

  /** The root table. Throws a data error where the file does not carry the four-letter `identifier`. */
  root(identifier: string): Table {
    const length = this.bytes.length;
    if (length < 8 || this.buffer.getBufferIdentifier() !== identifier) {
      throw dataError(
        `${this.source} is not a TensorFlow Lite model: bytes 4 to 7 are not "${identifier}"; give a .tflite or .lite file.`,
      );
    }
    return new Table(this, this.indirect(0));
  }

  /** The position that the unsigned offset at `at` leads to. */
  indirect(at: number): number {
    return this.within(at + this.buffer.readUint32(this.within(at, 4)), 4);
  }
}

/** One table of a file: a position whose fields are found through its vtable. */
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

  /** Where field number `slot` of `size` bytes is, or nothing where the table leaves it out. */
  find(slot: number, size: number): number | undefined {
    const entry = 4 + 2 * slot;
    if (entry + 2 > this.#vtableSize) return undefined;
    const offset = this.file.buffer.readUint16(this.#vtable + entry);
    return offset === 0 ? undefined : this.file.within(this.#position + offset, size);
  }

  /** Start and element count of the vector in field `slot`, whose elements take `size` bytes. */
  vector(slot: number, size: number): { readonly start: number; readonly length: number } | undefined {
    const at = this.find(slot, 4);
    if (at === undefined) return undefined;
    const head = this.file.indirect(at);
    const length = this.file.buffer.readUint32(head);
    return { start: this.file.within(head + 4, length * size), length };
  }
}

/** How one field is read; an absent table reads as one without fields. */
export type Field<T> = (table: Table | undefined) => T;
/** What a table holds: a reader a field. */
export type Schema = Readonly<Record<string, Field<unknown>>>;
/** A table read through its schema. */
export type Row<S extends Schema> = { readonly [K in keyof S]: ReturnType<S[K]> };

/** All fields of a table. */
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

/** A signed byte (also FlatBuffers' enums), an unsigned one, integers, a float and a boolean, with their defaults. */
export const int8 = scalar(1, (buffer, at) => buffer.readInt8(at));
export const uint8 = scalar(1, (buffer, at) => buffer.readUint8(at));
export const int32 = scalar(4, (buffer, at) => buffer.readInt32(at));
export const uint32 = scalar(4, (buffer, at) => buffer.readUint32(at));
export const float32 = scalar(4, (buffer, at) => buffer.readFloat32(at));
export const flag = scalar(1, (buffer, at) => buffer.readUint8(at) !== 0);

/** Vectors of numbers; empty where absent. */
export const int32s = list(4, (buffer, at) => buffer.readInt32(at));
export const float32s = list(4, (buffer, at) => buffer.readFloat32(at));
export const int64s = list(8, (buffer, at) => Number(buffer.readInt64(at)));

/** The bytes of a `ubyte` vector, shared with the file; empty where absent. */
export const blob =
  (slot: number): Field<Uint8Array> =>
  (table) => {
    const found = table?.vector(slot, 1);
    return table && found ? table.file.bytes.subarray(found.start, found.start + found.length) : new Uint8Array();
  };

const decoder = new TextDecoder();

/** UTF-8 text; empty where absent. */
export const text =
  (slot: number): Field<string> =>
  (table) => {
    const bytes = blob(slot)(table);
    table?.file.spend(bytes.length);
    return decoder.decode(bytes);
  };

/** A table within a table. */
export const child =
  (slot: number): Field<Table | undefined> =>
  (table) => {
    const at = table?.find(slot, 4);
    return table === undefined || at === undefined ? undefined : new Table(table.file, table.file.indirect(at));
  };

/** A vector of tables. */
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
