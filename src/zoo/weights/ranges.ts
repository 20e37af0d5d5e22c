/**
 * Positioned reads of a file that nobody vouches for: only the bytes asked for, and only bytes that are there. Nothing here
 * knows what the bytes mean.
 */
import { type FileHandle, open } from "node:fs/promises";
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
    return rangesOf(path, handle, stat.size);
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function rangesOf(path: string, handle: FileHandle, size: number): Ranges {
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
    close: () => handle.close(),
  };
}
