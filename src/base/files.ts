/**
 * Writing files so that a reader never sees half of one: everything goes to a temporary neighbour first,
 * is flushed, and is renamed into place. Several files that belong together are replaced by replace.ts. The sentences for a
 * full or read-only disk are in system-errors.ts.
 */
import { createHash } from "node:crypto";
import { mkdir, open, readFile, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { codeOf } from "./errors.ts";
import { partPath, sweepOnce } from "./parts.ts";
import { type ReadFailureOptions, readFailure, writeFailure } from "./system-errors.ts";

/** What a file is to hold: a text, bytes, or a list of byte chunks (written one after the other, never joined in memory). */
export type Content = string | Uint8Array | Iterable<Uint8Array>;

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

/** Up to `count` bytes from the start of a file. Throws the system's own error. */
export async function readStart(path: string, count: number): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(count), 0, count, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/**
 * Makes a folder and its parents; what comes out is the first that had to be made. Throws a {@link workError} with the remedy
 * where it cannot.
 */
export async function makeFolder(path: string): Promise<string | undefined> {
  try {
    return await mkdir(path, { recursive: true });
  } catch (error) {
    const cause = codeOf(error) === "ENOENT" ? await causeOf(path, error) : error;
    if (cause !== undefined) throw writeFailure(path, cause);
    return undefined;
  }
}

/**
 * Works in a folder that is made where it is missing. Where the work fails, the folders that were made for it go again
 * if nothing is in them: a failure leaves no empty folder behind.
 */
export async function inFolder<T>(path: string, work: () => Promise<T>): Promise<T> {
  const whole = resolve(path);
  /** Until it is known what was made: whatever was missing. */
  let first = await firstMissing(whole);
  try {
    first = await makeFolder(path);
    return await work();
  } catch (error) {
    if (first !== undefined) await removeEmpty(whole, resolve(first));
    throw error;
  }
}

/** The highest folder on the way to a path that is not there. */
async function firstMissing(path: string): Promise<string | undefined> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (isThere) return undefined;
  const parent = dirname(path);
  return parent === path ? undefined : ((await firstMissing(parent)) ?? path);
}

/** Removes folders from `path` up to `last`, as far as they are empty. */
async function removeEmpty(path: string, last: string): Promise<void> {
  for (let at = path; at.length >= last.length; at = dirname(at)) {
    const isKept = await rmdir(at).then(
      () => false,
      (error: unknown) => !["ENOENT", "ENAMETOOLONG"].includes(codeOf(error) ?? ""),
    );
    if (isKept) return;
  }
}

/**
 * Why a folder cannot be made: on a read-only disk Node's recursive way answers ENOENT, so the disk is asked for one folder at
 * a time. Nothing where it was made meanwhile.
 */
async function causeOf(path: string, error: unknown): Promise<unknown> {
  try {
    await mkdir(path);
    return undefined;
  } catch (own) {
    if (codeOf(own) !== "ENOENT") return codeOf(own) === "EEXIST" ? undefined : own;
    const parent = dirname(path);
    return parent === path ? error : ((await causeOf(parent, error)) ?? causeOf(path, error));
  }
}

/** Writes a file whole or not at all. */
export async function writeWhole(path: string, content: Content): Promise<void> {
  const folder = dirname(path);
  const temporary = partPath(folder);
  await makeFolder(folder);
  await sweepOnce(folder);
  try {
    await writeNew(temporary, content);
    await rename(temporary, path);
  } catch (error) {
    // What went wrong first is what is said.
    await rm(temporary, { force: true }).catch(() => {});
    throw writeFailure(path, error);
  }
}

/** Writes a file that does not exist yet and brings it to the disk; errors are the system's own. */
export async function writeNew(path: string, content: Content): Promise<void> {
  const chunks =
    typeof content === "string" ? [Buffer.from(content)] : content instanceof Uint8Array ? [content] : content;
  const file = await open(path, "wx");
  try {
    for (const chunk of chunks) await file.writeFile(chunk);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Disks that cannot flush a folder say so with one of these. */
const cannotFlush = new Set(["EINVAL", "ENOTSUP", "EPERM", "EISDIR"]);

/** Brings to the disk which files a folder has, where the system can. */
export async function flushFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  try {
    const folder = await open(path, "r");
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    if (!cannotFlush.has(codeOf(error) ?? "")) throw error;
  }
}

/** The SHA-256 of bytes, or of a text in UTF-8, in hexadecimal. */
export const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

/** The SHA-256 of byte chunks as one file, in hexadecimal. */
export function sha256OfChunks(chunks: Iterable<Uint8Array>): string {
  const hash = createHash("sha256");
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest("hex");
}

/** Up to so many bytes a file is read at once: a stream for each of many small files costs more than the reading. */
const SMALL = 1 << 20;

/** The SHA-256 of a file of any size, in hexadecimal. */
export async function sha256OfFile(path: string): Promise<string> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    if (size <= SMALL) return sha256(await file.readFile());
    const hash = createHash("sha256");
    for await (const chunk of file.createReadStream({ highWaterMark: SMALL, autoClose: false })) hash.update(chunk);
    return hash.digest("hex");
  } finally {
    await file.close();
  }
}
