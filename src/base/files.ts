/**
 * Writing files so that a reader never sees half of one: everything goes to a temporary neighbour first,
 * is flushed, and is renamed into place. Also the sentences for a full or read-only disk.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { codeOf, messageOf, workError } from "./errors.ts";

const diskSentences: Readonly<Record<string, string>> = {
  ENOSPC: "the disk is full: free some space and run the same command again",
  EDQUOT: "the disk quota is used up: free some space and run the same command again",
  EROFS: "the disk is read-only: choose another folder",
  EACCES: "this user may not write there: choose another folder or change its permissions",
  EPERM: "this user may not write there: choose another folder or change its permissions",
  ENOTDIR: "a part of that path is a file, not a folder: choose another folder",
  EEXIST: "a file of that name is in the way: choose another folder",
  EISDIR: "a folder of that name is in the way: choose another path",
};

/** Turns a system error met while writing `path` into a sentence with its remedy. */
export function writeFailure(path: string, error: unknown): Error {
  return workError(`Could not write ${path}: ${diskSentences[codeOf(error) ?? ""] ?? messageOf(error)}.`, error);
}

/** Makes a folder and its parents. Throws a {@link workError} with the remedy where it cannot. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    throw writeFailure(path, error);
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
    await rm(temporary, { force: true });
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
