/**
 * Writing files so that a reader never sees half of one: everything goes to a temporary neighbour first,
 * is flushed, and is renamed into place. The sentences for a full or read-only disk are in system-errors.ts.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readFile, rename, rm, rmdir } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type ReadFailureOptions, readFailure, writeFailure } from "./system-errors.ts";

export { writeFailure } from "./system-errors.ts";

/**
 * The bytes of a file.
 *
 * @param called what it is called in errors; default its path
 * @throws GraftError (`data`, or `work` where the machine is at fault) with the reason and the remedy
 */
export const readBytes = (path: string, called = path, options?: ReadFailureOptions): Promise<Buffer> =>
  readFile(path).catch((error: unknown) => {
    throw readFailure(called, error, options);
  });

/** Makes a folder and its parents. Throws a {@link workError} with the remedy where it cannot. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw writeFailure(path, error);
  }
}

/**
 * Works in a folder that is made where it is missing. Where the work fails, the folders that were made for it go again
 * if nothing is in them: a failure leaves no empty folder behind.
 */
export async function inFolder<T>(path: string, work: () => Promise<T>): Promise<T> {
  const whole = resolve(path);
  const made: string[] = [];
  try {
    const first = await mkdir(whole, { recursive: true });
    if (first !== undefined) for (let at = whole; at.length >= first.length; at = dirname(at)) made.push(at);
  } catch (error) {
    throw writeFailure(path, error);
  }
  try {
    return await work();
  } catch (error) {
    for (const folder of made) {
      const isGone = await rmdir(folder).then(
        () => true,
        () => false,
      );
      if (!isGone) break;
    }
    throw error;
  }
}

/**
 * Writes a file whole or not at all.
 *
 * @param content a text, bytes, or a list of byte chunks (written one after the other, never joined in memory)
 */
export async function writeWhole(path: string, content: string | Uint8Array | Iterable<Uint8Array>): Promise<void> {
  const chunks =
    typeof content === "string" ? [Buffer.from(content)] : content instanceof Uint8Array ? [content] : content;
  const temporary = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}.part`;
  await makeFolder(dirname(path));
  try {
    const file = await open(temporary, "wx");
    try {
      for (const chunk of chunks) await file.writeFile(chunk);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    // What went wrong first is what is said.
    await rm(temporary, { force: true }).catch(() => {});
    throw writeFailure(path, error);
  }
}

/** The SHA-256 of bytes, in hexadecimal. */
export const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

/** The SHA-256 of a file of any size, in hexadecimal. */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest("hex");
}
