/**
 * Reads the structures of an HDF5 file, small pieces in many places, one page at a time. The total is limited to what an honest file needs:
 * structures that refer to the same bytes repeatedly (a cyclic chain of blocks) end in an error, not in a loop. The values of datasets are
 * read elsewhere.
 */
import { dataError } from "../../../base/errors.ts";
import type { Ranges } from "../ranges.ts";
import { Cursor } from "./cursor.ts";

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
