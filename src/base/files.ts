/**
 * Reads, hashes and writes whole files. Writes to a partial file beside the target, flushes it and renames it, so that no reader sees
 * half of a file. Replacing several files as one is in replace.ts; error sentences are in system-errors.ts.
 */

import { createHash } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { codeOf } from "./errors.ts";
import { isAlive, OWNER_PATTERN, ownerName } from "./owner.ts";
import { type ReadFailureOptions, readFailure, writeFailure } from "./system-errors.ts";

export { writeFailure } from "./system-errors.ts";

// Partial files: their names identify the writer, so that those of a killed process can be removed, and only those.

/** If a writer cannot be checked, a file that it has not touched for this long counts as abandoned, in milliseconds. */
const ABANDONED = 24 * 3_600_000;

const pattern = new RegExp(`^\\.graft-${OWNER_PATTERN}\\.part$`);

/** Whether a file is a partial file, by its name. */
export const isPart = (name: string): boolean => pattern.test(name);

/** A new path in a folder for a file that this process writes there. */
export const partPath = (folder: string): string => join(folder, `.graft-${ownerName()}.part`);

/** The partial files in a folder whose writers have ended. */
export async function leftOverParts(folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await readdir(folder).catch((): string[] => [])) {
    if (!isPart(name)) continue;
    const path = join(folder, name);
    const seen = await stat(path).catch(() => undefined);
    if (seen && !isAlive(name.slice(".graft-".length), seen.mtimeMs, ABANDONED)) found.push(path);
  }
  return found;
}

const swept = new Set<string>();

/** Removes abandoned partial files in a folder, the first time that this process writes there. */
export async function sweepOnce(folder: string): Promise<void> {
  const key = resolve(folder);
  if (swept.has(key)) return;
  swept.add(key);
  for (const path of await leftOverParts(folder)) await rm(path, { recursive: true, force: true }).catch(() => {});
}

// Whole files and folders.

/** What to write to a file: text, bytes, or a list of byte chunks (written one by one, never joined in memory). */
export type Content = string | Uint8Array | Iterable<Uint8Array>;

/**
 * Reads a whole file.
 *
 * @param called what errors call it; default its path
 * @throws GraftError (`data`, or `work` if the machine is at fault) with the reason and the remedy
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
 * Makes a folder and its parents, and returns the first one that did not exist. Throws a GraftError (`work`) with the remedy
 * if it cannot.
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
 * Runs `work` after making a folder if it is missing. If the work fails, the new folders are removed again if they are empty:
 * a failure leaves no empty folder behind.
 */
export async function inFolder<T>(path: string, work: () => Promise<T>): Promise<T> {
  const whole = resolve(path);
  /** The first missing folder, until `makeFolder` returns the first one that it made. */
  let first = await firstMissing(whole);
  try {
    first = await makeFolder(path);
    return await work();
  } catch (error) {
    if (first !== undefined) await removeEmpty(whole, resolve(first));
    throw error;
  }
}

/** The topmost folder of a path that does not exist. */
async function firstMissing(path: string): Promise<string | undefined> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (isThere) return undefined;
  const parent = dirname(path);
  return parent === path ? undefined : ((await firstMissing(parent)) ?? path);
}

/** Removes folders from `path` up to `last` while they are empty. */
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
 * Why a folder cannot be made. On a read-only disk Node's recursive `mkdir` reports ENOENT, so this makes one folder at a time.
 * Returns undefined if the folder exists by now.
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

/** Writes a file completely or not at all. Throws a GraftError (`work`) if the disk refuses. */
export async function writeWhole(path: string, content: Content): Promise<void> {
  const folder = dirname(path);
  const temporary = partPath(folder);
  await makeFolder(folder);
  await sweepOnce(folder);
  try {
    await writeNew(temporary, content);
    await rename(temporary, path);
  } catch (error) {
    // The first error is the one to report.
    await rm(temporary, { force: true }).catch(() => {});
    throw writeFailure(path, error);
  }
}

/** Writes a file that does not exist yet and flushes it to the disk. Throws the system's own errors. */
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

/** The error codes of disks that cannot flush a folder. */
const cannotFlush = new Set(["EINVAL", "ENOTSUP", "EPERM", "EISDIR"]);

/** Flushes the list of files in a folder to the disk, if the system supports it. */
export async function flushFolder(path: string): Promise<void> {
  if (process.platform === "win32") return;
  try {
    const folder = await open(path, "r");
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    if (!cannotFlush.has(codeOf(error) ?? "")) throw error;
  }
}

/** The SHA-256 of bytes, or of a text as UTF-8, in hexadecimal. */
export const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");

/** The SHA-256 of byte chunks, taken as one file, in hexadecimal. */
export function sha256OfChunks(chunks: Iterable<Uint8Array>): string {
  const hash = createHash("sha256");
  for (const chunk of chunks) hash.update(chunk);
  return hash.digest("hex");
}

/** Smaller files, in bytes, are read at once: for many small files, opening a stream costs more than reading. */
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
