/** When a cached file was last used: its access time, set explicitly because most disks do not update it. */
import { stat, utimes } from "node:fs/promises";

/** Records that a file or folder is used now. Does nothing on a read-only disk. */
export async function markUsed(path: string): Promise<void> {
  try {
    await utimes(path, new Date(), (await stat(path)).mtime);
  } catch {
    // Then the time at which it was written counts.
  }
}

/** When a file was last used or written, in milliseconds since 1970. */
export const lastUse = ({ atimeMs, mtimeMs }: { readonly atimeMs: number; readonly mtimeMs: number }): number =>
  Math.max(atimeMs, mtimeMs);
