/**
 * Positioned reads of a file that nobody vouches for: only the bytes asked for, and only bytes that are there. Nothing here
 * knows what the bytes mean.
 */
import type { Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { digestBeside } from "../../base/digest.ts";
import { dataError } from "../../base/errors.ts";
import { readFailure } from "../../base/system-errors.ts";

/** Node reads at most 2 GiB at a time; asking for less keeps one call from blocking the disk's queue. */
const PIECE = 1 << 28;

/** An open file, read by byte ranges. */
export interface Ranges {
  readonly path: string;
  /** Bytes in the file when it was opened. */
  readonly size: number;
  /**
   * The bytes from `offset` on, `length` of them, in memory of their own.
   *
   * @throws GraftError (`data`) where the range is not inside the file; before any memory is taken
   */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Begins to hash the file, beside the reads. The function that it returns is called after the last read and gives the
   * SHA-256, in hexadecimal: of the very bytes that were read.
   *
   * @throws GraftError (`data`) where the file has changed since it was opened
   */
  digest(): () => Promise<string>;
  close(): Promise<void>;
}

/**
 * Opens a file for reading.
 *
 * @throws GraftError (`usage`) where there is none, (`data`) where it is a folder or unreadable
 */
export async function openRanges(path: string): Promise<Ranges> {
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch (error) {
    throw readFailure(path, error, { missing: "usage" });
  }
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw dataError(`${path} is not a file: give the path of a weight file.`);
    return rangesOf(path, handle, stat);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

const changeOf = ({ size, mtimeMs, ctimeMs }: Stats): string => [size, mtimeMs, ctimeMs].join(" ");

function rangesOf(path: string, handle: FileHandle, stat: Stats): Ranges {
  const { size } = stat;
  return {
    path,
    size,
    async read(offset, length) {
      const inside = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
      if (!inside || offset + length > size)
        throw dataError(
          `${path} is cut off or damaged: it points at bytes ${offset} to ${offset + length} of ${size}; fetch it again.`,
        );
      const bytes = new Uint8Array(length);
      for (let done = 0; done < length; ) {
        const { bytesRead } = await handle
          .read(bytes, done, Math.min(PIECE, length - done), offset + done)
          .catch((error: unknown) => {
            throw readFailure(path, error);
          });
        if (bytesRead === 0) throw dataError(`${path} became shorter while it was read: run the command again.`);
        done += bytesRead;
      }
      return bytes;
    },
    digest() {
      const hashing = digestBeside(handle, size);
      // A failure is met when it is asked for; until then it must not count as unhandled.
      hashing.catch(() => {});
      return async () => {
        const sha256 = await hashing;
        if (changeOf(await handle.stat()) !== changeOf(stat))
          throw dataError(`${path} changed while it was read: run the command again.`);
        return sha256;
      };
    },
    close: () => handle.close(),
  };
}
