/** When a file of the cache was last used: its access time, which is set by hand because most disks do not keep it. */
import { stat, utimes } from "node:fs/promises";

/** Notes that a file, or a folder, is used now. On a disk that cannot be written nothing is noted. */
export async function markUsed(path: string): Promise<void> {
  try {
    await utimes(path, new Date(), (await stat(path)).mtime);
  } catch {
    // Then it counts by when it was written.
  }
}

/** When a file was last used or written, in milliseconds since 1970. */
export const lastUse = ({ atimeMs, mtimeMs }: { readonly atimeMs: number; readonly mtimeMs: number }): number =>
  Math.max(atimeMs, mtimeMs);
