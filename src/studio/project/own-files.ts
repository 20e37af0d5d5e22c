/**
 * Reads and writes the studio's own files, which may come from anyone: only plain files, never through links, of limited size,
 * and JSON that fits its schema. Other files are reported and left unchanged.
 */
import { constants } from "node:fs";
import { type FileHandle, lstat, open } from "node:fs/promises";
import * as v from "valibot";
import { codeOf, dataError, GraftError, messageOf } from "../../base/errors.ts";
import { isBoundedJson, type JsonBounds } from "../../base/json-bounds.ts";
import { systemReason, writeFailure } from "../../base/system-errors.ts";
import { named } from "../../base/text.ts";

/** On systems with neither, links are checked before. */
const { O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants as { readonly O_NOFOLLOW?: number; readonly O_NONBLOCK?: number };

/**
 * Opens a file to read; undefined if there is none.
 *
 * @throws GraftError (`data`) if it is a link, a pipe, a folder, or may not be read
 */
export async function openPlain(path: string): Promise<FileHandle | undefined> {
  try {
    if (O_NOFOLLOW === 0 && (await lstat(path)).isSymbolicLink()) throw notPlain(path);
    // Opening a pipe would block.
    const file = await open(path, constants.O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if ((await file.stat()).isFile()) return file;
    await file.close();
    throw notPlain(path);
  } catch (error) {
    if (error instanceof GraftError) throw error;
    if (codeOf(error) === "ENOENT") return undefined;
    if (codeOf(error) === "ELOOP") throw notPlain(path);
    throw dataError(`Could not read ${named(path, 500)}: ${systemReason(error, "read")}.`, error);
  }
}

const notPlain = (path: string): GraftError =>
  dataError(
    `${named(path, 500)} is not a regular file (but a link, a pipe or a folder), so the studio does not use it.`,
  );

/**
 * Opens a file to append to it or to replace it. It is created if it does not exist.
 *
 * @throws GraftError if it is a link or not a file, or if the disk refuses
 */
export async function openToWrite(path: string, how: "append" | "replace"): Promise<FileHandle> {
  try {
    if (O_NOFOLLOW === 0 && (await lstat(path).catch(() => undefined))?.isSymbolicLink()) throw notPlain(path);
    const mode = how === "append" ? constants.O_APPEND : constants.O_TRUNC;
    const file = await open(path, constants.O_WRONLY | constants.O_CREAT | O_NOFOLLOW | O_NONBLOCK | mode);
    if ((await file.stat()).isFile()) return file;
    await file.close();
    throw notPlain(path);
  } catch (error) {
    if (error instanceof GraftError) throw error;
    if (["ELOOP", "ENXIO", "EISDIR"].includes(codeOf(error) ?? "")) throw notPlain(path);
    throw writeFailure(path, error);
  }
}

/**
 * The bytes of a file; undefined if there is none.
 *
 * @throws GraftError (`data`) if it is not a plain file, or has more than `limit` bytes
 */
export async function readPlain(path: string, limit: number): Promise<Buffer | undefined> {
  const file = await openPlain(path);
  if (!file) return undefined;
  try {
    const { size } = await file.stat();
    if (size > limit)
      throw dataError(`${named(path, 500)} has ${size} bytes, but such a file can have at most ${limit}.`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** The structure of the studio's own JSON: thirty megabytes of empty lists would take gigabytes of memory. */
export const ownBounds: JsonBounds = { maxDepth: 32, maxTokens: 5_000_000 };

/** The result of reading a file. */
export type Found<T> =
  | { readonly kind: "absent" }
  | { readonly kind: "damaged"; readonly reason: string }
  | { readonly kind: "read"; readonly value: T };

/** Reads a JSON file of at most `limit` bytes that fits a schema. */
export async function readOwnJson<T>(
  path: string,
  schema: v.GenericSchema<unknown, T>,
  limit: number,
): Promise<Found<T>> {
  try {
    const bytes = await readPlain(path, limit);
    if (bytes === undefined) return { kind: "absent" };
    if (!isBoundedJson(bytes, ownBounds)) return damaged("it has more values than Graft writes there");
    const found = v.safeParse(schema, JSON.parse(bytes.toString("utf8")), { abortEarly: true });
    if (found.success) return { kind: "read", value: found.output };
    const at = v.getDotPath(found.issues[0]);
    return damaged(
      at === null ? "it is not what Graft writes there" : `its "${named(at, 60)}" is not what Graft writes there`,
    );
  } catch (error) {
    return damaged(error instanceof SyntaxError ? "it is not JSON" : messageOf(error));
  }
}

const damaged = (reason: string): { readonly kind: "damaged"; readonly reason: string } => ({
  kind: "damaged",
  reason,
});
