/**
 * Reads the structures of an HDF5 file, small pieces in many places, one page at a time. The total is limited to what an honest file needs:
 * structures that refer to the same bytes repeatedly (a cyclic chain of blocks) end in an error, not in a loop. The values of datasets are
 * read elsewhere.
 */
import { dataError } from "../../base/errors.ts";
import type { Ranges } from "../weight-file.ts";

const PAGE = 1 << 16;
/** Pages in memory at a time. */
const PAGES = 64;

/** Reads structures of one HDF5 file. */
export interface MetadataReader {
  readonly path: string;
  /** Size of the file in bytes. */
  readonly size: number;
  /** `length` bytes at `address`; `what` names them in messages. Throws a data error if they are outside the file. */
  at(address: number, length: number, what: string): Promise<Cursor>;
  /** Counts bytes that are derived from others, such as names, against the limit. */
  spend(bytes: number): void;
}

/** A data error about a damaged file. */
export const damaged = (path: string, what: string): Error =>
  dataError(`${path} is a damaged HDF5 file: ${what}; download it again.`);

/** A data error about a valid HDF5 file with something that Keras does not write. */
export const unsupported = (path: string, what: string): Error =>
  dataError(
    `${path} contains ${what}, which Keras does not write and Graft does not read: save the weights again with Keras.`,
  );

export function metadataReader(ranges: Ranges): MetadataReader {
  const { path, size } = ranges;
  const pages = new Map<number, Uint8Array>();
  // The structures of an honest file are a small part of its bytes, each read once or twice.
  let budget = 2 * size + PAGE;

  const page = async (number: number): Promise<Uint8Array> => {
    const known = pages.get(number);
    if (known) return known;
    const begin = number * PAGE;
    const bytes = await ranges.read(begin, Math.min(PAGE, size - begin));
    const oldest = pages.keys().next();
    if (pages.size >= PAGES && !oldest.done) pages.delete(oldest.value);
    pages.set(number, bytes);
    return bytes;
  };

  const spend = (bytes: number): void => {
    budget -= bytes;
    if (budget < 0) throw damaged(path, "its structures refer to the same bytes repeatedly");
  };

  return {
    path,
    size,
    spend,
    async at(address, length, what) {
      if (address + length > size) throw damaged(path, `${what} would end at byte ${address + length} of ${size}`);
      spend(length);
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const from = address + done;
        const part = (await page(Math.floor(from / PAGE))).subarray(from % PAGE).subarray(0, length - done);
        bytes.set(part, done);
        done += part.length;
      }
      return new Cursor(bytes, (wanted) => damaged(path, `${what} ends before its ${wanted}`));
    },
  };
}

// A cursor over the little-endian fields of a structure, which never reads past its end.

/** "Undefined address": all bits set. */
const UNDEFINED = 0xffff_ffff_ffff_ffffn;

const utf8 = new TextDecoder();

/** Bytes and a position in them. */
export class Cursor {
  readonly bytes: Uint8Array;
  /** The next byte to read. */
  at = 0;
  readonly #view: DataView;
  readonly #fail: (wanted: string) => Error;

  /** @param fail creates the error for a field beyond the end */
  constructor(bytes: Uint8Array, fail: (wanted: string) => Error) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#fail = fail;
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  #take(length: number, wanted: string): number {
    if (length > this.left) throw this.#fail(wanted);
    const at = this.at;
    this.at += length;
    return at;
  }

  skip(length: number): this {
    this.#take(length, "next field");
    return this;
  }

  /** Moves to the next multiple of 8 bytes, or to the end. */
  align(): this {
    this.at = Math.min(this.bytes.length, Math.ceil(this.at / 8) * 8);
    return this;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1, "byte"));
  }

  u16(): number {
    return this.#view.getUint16(this.#take(2, "number"), true);
  }

  u32(): number {
    return this.#view.getUint32(this.#take(4, "number"), true);
  }

  /** A number of 8 bytes, rounded above 2^53, which is larger than any file. */
  u64(): number {
    return Number(this.#view.getBigUint64(this.#take(8, "number"), true));
  }

  /** A number of 1, 2, 4 or 8 bytes. */
  uint(width: number): number {
    return width === 1 ? this.u8() : width === 2 ? this.u16() : width === 4 ? this.u32() : this.u64();
  }

  /** An address in the file; undefined for HDF5's "undefined address". */
  address(): number | undefined {
    const value = this.#view.getBigUint64(this.#take(8, "address"), true);
    return value === UNDEFINED ? undefined : Number(value);
  }

  /** The next `length` bytes as a separate cursor. */
  part(length: number): Cursor {
    const at = this.#take(length, "contents");
    return new Cursor(this.bytes.subarray(at, at + length), this.#fail);
  }

  /** `length` bytes as text, up to the first NUL byte. */
  text(length: number): string {
    const at = this.#take(length, "text");
    const bytes = this.bytes.subarray(at, at + length);
    const end = bytes.indexOf(0);
    return utf8.decode(end < 0 ? bytes : bytes.subarray(0, end));
  }

  /** Reads four bytes and compares them with a signature. */
  signature(word: string): boolean {
    return this.text(4) === word;
  }
}
