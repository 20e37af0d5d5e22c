/** Reads byte ranges of an untrusted file, checked against its size. Knows nothing of what the bytes mean. */
import type { Stats } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { digestBeside } from "../../base/digest.ts";
import { dataError } from "../../base/errors.ts";
import { readFailure } from "../../base/system-errors.ts";

/** Node reads at most 2 GiB per call; smaller pieces do not block the disk's queue. */
const PIECE = 1 << 28;

/** An open file, read by byte ranges. */
export interface Ranges {
  readonly path: string;
  /** Size in bytes when the file was opened. */
  readonly size: number;
  /**
   * Reads `length` bytes from `offset`, in their own memory.
   *
   * @throws GraftError (`data`) if the range is outside the file, before any memory is allocated
   */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /**
   * Starts to hash the file in the background. Call the returned function after the last read: it returns the SHA-256 of the bytes that
   * were read, hexadecimal.
   *
   * @throws GraftError (`data`) if the file has changed since it was opened
   */
  digest(): () => Promise<string>;
  close(): Promise<void>;
}

/**
 * Opens a file for reading.
 *
 * @throws GraftError (`usage`) if it does not exist, (`data`) if it is a folder or unreadable
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
    if (!stat.isFile()) throw dataError(`${path} is not a file: pass the path of a weight file.`);
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
          `${path} is truncated or damaged: it refers to bytes ${offset} to ${offset + length} of ${size}; download it again.`,
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
      // A failure is reported when the digest is requested; until then it must not count as unhandled.
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
