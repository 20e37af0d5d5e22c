/**
 * Pictures that are handed in: received under a temporary name, looked at, flushed, renamed into their class. Either the
 * whole picture is in the project, whatever ends the process, or nothing of it. Archives are unpacked in archive.ts.
 */
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { GraftError } from "../../base/errors.ts";
import { makeFolder, writeFailure } from "../../base/files.ts";
import { inspectImage } from "../../data/inspect.ts";
import type { Received } from "../api.ts";
import { fileName, freeName } from "./names.ts";

/** The longest file that is taken for a picture: 64 MiB. */
export const MAX_PICTURE_BYTES = 64 * 2 ** 20;

/** Thrown where more came than may. */
export class TooLong extends GraftError {
  constructor(limit: number) {
    super("data", `The file is larger than ${Math.round(limit / 2 ** 20)} MiB. Make it smaller first.`);
  }
}

/**
 * Writes what comes to a new file; throws {@link TooLong} beyond `limit` bytes. The file is gone on failure. It is not flushed:
 * what turns out to be a picture is, before it is taken in.
 */
export async function spool(source: AsyncIterable<Uint8Array>, folder: string, limit: number): Promise<string> {
  await makeFolder(folder);
  const path = join(folder, `${randomBytes(12).toString("hex")}.part`);
  let length = 0;
  try {
    const file = await open(path, "wx");
    try {
      for await (const chunk of source) {
        length += chunk.length;
        if (length > limit) throw new TooLong(limit);
        await file.writeFile(chunk);
      }
    } finally {
      await file.close();
    }
    return path;
  } catch (error) {
    await rm(path, { force: true });
    throw error instanceof Error && "syscall" in error ? writeFailure(path, error) : error;
  }
}

export interface Reception {
  /** The class's folder, relative to the project's, with `/`. */
  readonly folder: string;
  /** The name that the file had. */
  readonly name: string;
}

/**
 * Takes a picture in.
 *
 * @param incoming where it is until it is whole
 * @throws GraftError (`data`) where it is no picture that can be read
 */
export async function receive(
  source: AsyncIterable<Uint8Array>,
  { root, incoming }: { readonly root: string; readonly incoming: string },
  reception: Reception,
): Promise<Received> {
  return adopt(await spool(source, incoming, MAX_PICTURE_BYTES), root, reception);
}

/** Takes a picture in that is a file already, on the project's disk; the file is moved, or removed where it is not taken. */
export async function adopt(path: string, root: string, { folder, name }: Reception): Promise<Received> {
  try {
    if ((await stat(path)).size > MAX_PICTURE_BYTES) throw new TooLong(MAX_PICTURE_BYTES);
    const { format } = await inspectImage(path, name);
    const wanted = fileName(name, format);
    await flush(path);
    const place = join(root, folder);
    await makeFolder(place);
    return await inTurn(place, async () => {
      const known = await sameFile(path, join(place, wanted));
      if (known) return { kind: "known", id: `${folder}/${wanted}` };
      const taken = new Set<string>();
      let free = wanted;
      while (await isThere(join(place, free))) {
        taken.add(free);
        free = freeName(wanted, (candidate) => taken.has(candidate));
        if (await sameFile(path, join(place, free))) return { kind: "known", id: `${folder}/${free}` };
      }
      await rename(path, join(place, free)).catch((error: unknown) => {
        throw writeFailure(join(place, free), error);
      });
      return { kind: "added", id: `${folder}/${free}` };
    });
  } finally {
    await rm(path, { force: true });
  }
}

async function flush(path: string): Promise<void> {
  try {
    const file = await open(path, "r+");
    await file.sync().finally(() => file.close());
  } catch (error) {
    throw writeFailure(path, error);
  }
}

const isThere = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined)) !== undefined;

/** Choosing a free name and taking it happens one at a time in a folder. */
const turns = new Map<string, Promise<unknown>>();
async function inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
  const mine = (turns.get(key) ?? Promise.resolve()).then(work, work);
  turns.set(key, mine);
  try {
    return await mine;
  } finally {
    if (turns.get(key) === mine) turns.delete(key);
  }
}

async function sameFile(a: string, b: string): Promise<boolean> {
  const [one, other] = [await stat(a), await stat(b).catch(() => undefined)];
  if (!other?.isFile() || one.size !== other.size) return false;
  const [left, right] = [createReadStream(a), createReadStream(b)];
  try {
    const others = right[Symbol.asyncIterator]();
    for await (const chunk of left) {
      // Both are read in chunks of one length.
      const { value } = await others.next();
      if (!Buffer.isBuffer(value) || !value.equals(chunk)) return false;
    }
    return true;
  } finally {
    left.destroy();
    right.destroy();
  }
}
