/** Computes the SHA-256 of an open file; large files in a worker thread, so that the caller is not blocked. */
import { createHash } from "node:crypto";
import { readSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { startThread } from "./threads.ts";

/** From this size on, in bytes, a separate thread is worth starting. */
const LARGE = 16 << 20;
const PIECE = 4 << 20;

/** What the thread gets: the descriptor of an open file of this process, and the size of the file in bytes. */
export interface DigestTask {
  readonly descriptor: number;
  readonly size: number;
}

/** The SHA-256 of an open file from its start, in hexadecimal. Blocks the calling thread. */
export function digestOf({ descriptor, size }: DigestTask): string {
  const hash = createHash("sha256");
  const buffer = Buffer.allocUnsafe(Math.min(PIECE, Math.max(size, 1)));
  for (let done = 0; done < size; ) {
    const count = readSync(descriptor, buffer, 0, Math.min(buffer.length, size - done), done);
    if (count === 0) break;
    hash.update(buffer.subarray(0, count));
    done += count;
  }
  return hash.digest("hex");
}

/** The SHA-256 of an open file, in hexadecimal, without blocking for long. Keep the file open until the promise settles. */
export async function digestBeside(file: FileHandle, size: number): Promise<string> {
  const task: DigestTask = { descriptor: file.fd, size };
  if (size < LARGE) return digestOf(task);
  const thread = startThread(new URL("./digest-thread.ts", import.meta.url), { workerData: task });
  return new Promise((resolve, reject) => {
    thread.on("message", resolve);
    thread.on("error", reject);
    thread.on("exit", (code) => reject(new Error(`The thread that hashes ended with ${code}.`)));
  });
}
