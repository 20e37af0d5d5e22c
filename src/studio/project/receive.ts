/**
 * Stores images that the page sends, alone or in archives, and finds the class of each. An image is received under a temporary
 * name, checked, flushed, and renamed into its class: whenever the process ends, the project has the whole image or none of it.
 */
import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { dataError, GraftError, isDataError, messageOf } from "../../base/errors.ts";
import { makeFolder, writeFailure } from "../../base/files.ts";
import { createMeter, type OnProgress } from "../../base/progress.ts";
import { unpackArchive } from "../../data/dataset/archive/kept-archive.ts";
import { type ArchiveLimits, archiveKindOf } from "../../data/dataset/archive/unpack-archive.ts";
import { notImageReason, type Split } from "../../data/dataset/dataset-names.ts";
import { diskPath, diskTree } from "../../data/dataset/disk-tree.ts";
import type { Ignored } from "../../data/dataset/file-tree.ts";
import { type Layout, readLayout } from "../../data/dataset/read-layout.ts";
import { createSurvey, type Survey } from "../../data/dataset/survey.ts";
import { inspectImage } from "../../data/image/decode.ts";
import type { Imported, Received } from "../api.ts";
import { fileName, freeName } from "./names.ts";

/** The maximum size of an image file: 64 MiB. */
export const MAX_IMAGE_BYTES = 64 * 2 ** 20;

/** Thrown if a body is longer than allowed. */
export class TooLong extends GraftError {
  constructor(limit: number) {
    super("data", `The file is larger than ${Math.round(limit / 2 ** 20)} MiB. Make it smaller first.`);
  }
}

/**
 * Writes a stream to a new file; throws {@link TooLong} beyond `limit` bytes. The file is removed on failure. It is not
 * flushed: an image is flushed before it is stored.
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
  /** The original name of the file. */
  readonly name: string;
}

/**
 * Stores an image.
 *
 * @param incoming the folder for incomplete files
 * @throws GraftError (`data`) if it is not an image that can be read
 */
export async function receive(
  source: AsyncIterable<Uint8Array>,
  { root, incoming }: { readonly root: string; readonly incoming: string },
  reception: Reception,
): Promise<Received> {
  return adopt(await spool(source, incoming, MAX_IMAGE_BYTES), root, reception);
}

/** Stores an image that is already a file on the project's disk; the file is moved, or removed if it is not stored. */
export async function adopt(path: string, root: string, { folder, name }: Reception): Promise<Received> {
  try {
    if ((await stat(path)).size > MAX_IMAGE_BYTES) throw new TooLong(MAX_IMAGE_BYTES);
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

/** Only one file at a time chooses a free name in a folder and takes it. */
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
      // Both are read in chunks of the same length.
      const { value } = await others.next();
      if (!Buffer.isBuffer(value) || !value.equals(chunk)) return false;
    }
    return true;
  } finally {
    left.destroy();
    right.destroy();
  }
}

// Where files belong: the class and part of each file, by the same reader of layouts as in training. Files in no folder belong
// to the open class. Nothing is moved here.

export interface Place {
  readonly path: string;
  readonly className: string;
  readonly split: Split | undefined;
}

export interface ArrangeOptions {
  /** The project's classes. */
  readonly classes: readonly string[];
  /** The class of files in no folder. */
  readonly loose: string | undefined;
}

export interface Arranged {
  readonly places: readonly Place[];
  readonly skipped: readonly Ignored[];
  readonly notes: readonly string[];
  /** The only folder, if the folders in it were taken for classes; it may be a class itself. */
  readonly wrapper: string | undefined;
}

/**
 * Finds a place for every image of a tree.
 *
 * @throws GraftError (`data`) if folders contain images, but nothing says which class they show
 */
export async function arrange(survey: Survey, { classes, loose }: ArrangeOptions): Promise<Arranged> {
  const { files, folders } = await survey.list("");
  const layout = await readLayout(survey, classes).catch((error: unknown): Layout | undefined => {
    // The manifest gets a note; loose files have a class all the same.
    if (isDataError(error) && folders.length === 0) return undefined;
    throw error;
  });
  if (layout?.obstacle !== undefined) throw dataError(layout.obstacle);
  const places: Place[] = (layout?.named ?? []).map(({ path, className, split }) => ({ path, className, split }));
  const placed = new Set(places.map(({ path }) => path));
  const own: string[] = [];
  if (layout?.kind !== "manifest")
    for (const name of files) if (!placed.has(name) && (await survey.mayBeImage(name))) own.push(name);
  if (loose !== undefined) for (const path of own) places.push({ path, className: loose, split: undefined });
  // More can be said about loose files than that they are beside folders, and a folder without images is not a file.
  const atTop = new Set(files);
  const noted = survey.ignored.filter(({ path, kind }) => kind !== "empty" && !(kind === "beside" && atTop.has(path)));
  const reported = new Set([...placed, ...own, ...noted.map(({ path }) => path)]);
  const others = layout?.kind === "manifest" ? [] : files.filter((name) => !reported.has(name));
  return {
    places,
    skipped: [
      ...noted,
      ...(loose === undefined ? own : []).map((path): Ignored => ({ path, kind: "beside", reason: HOMELESS })),
      ...others.map((path): Ignored => ({ path, kind: "not-image", reason: notImageReason(path) })),
    ],
    notes: layout?.notes ?? [],
    wrapper: layout?.kind === "class-folders" && layout.wrapper !== undefined ? folders[0] : undefined,
  };
}

const HOMELESS = "it is in no folder, which would name its class";

// Importing an archive: it is unpacked within limits into a folder of its own, arranged like any other folder, and its images
// are stored one by one.

/** The maximum size of an archive: 8 GiB. */
export const MAX_ARCHIVE_BYTES = 8 * 2 ** 30;

export interface ImportOptions extends ArrangeOptions {
  /** Stores a file of the unpacked archive. */
  readonly adopt: (file: string, place: Place) => Promise<Received>;
  readonly onProgress?: OnProgress | undefined;
  readonly limits?: ArchiveLimits | undefined;
}

/**
 * Stores every image of a .zip, .tar or .tar.gz.
 *
 * @param path of the archive; it is unpacked beside it, and nothing stays there
 * @throws GraftError (`data`) if the archive is damaged, unsafe or too large; then no image is stored
 */
export async function importArchive(
  path: string,
  { adopt, onProgress, limits, ...options }: ImportOptions,
): Promise<Omit<Imported, "change"> & { readonly ids: readonly string[] }> {
  const kind = await archiveKindOf(path, "The file");
  if (kind === undefined) throw dataError("The file is not a supported archive. Use a .zip, .tar or .tar.gz.");
  const folder = `${path}.d`;
  await mkdir(folder);
  try {
    const { faults } = await unpackArchive(path, kind, folder, "The archive", { limits, onProgress });
    const survey = createSurvey(diskTree(folder, { called: "", contained: true }));
    const { places, skipped, notes } = await arrange(survey, options);
    const failed: { path: string; reason: string }[] = [];
    const ids: string[] = [];
    let known = 0;
    const meter = createMeter({ stage: "Taking in", unit: "files", total: places.length, onProgress });
    for (const place of places) {
      try {
        const received = await adopt(diskPath(folder, place.path), place);
        if (received.kind === "added") ids.push(received.id);
        else known++;
      } catch (error) {
        // An image that cannot be read, or a name that is not valid for a class; a full disk ends the import.
        if (!(error instanceof GraftError) || error.kind === "work") throw error;
        failed.push({ path: place.path, reason: messageOf(error) });
      }
      meter.add();
    }
    const reasons = [...faults, ...skipped].map(({ path: entry, reason }) => ({ path: entry, reason }));
    return { added: ids.length, known, skipped: [...failed, ...reasons], notes, ids };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
