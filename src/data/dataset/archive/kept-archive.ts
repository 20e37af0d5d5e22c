/**
 * Archives that are datasets: unpacks each once into the cache, under the SHA-256 of the archive, so that every command finds the same
 * files under the same paths. Checks the files against their checksums before use, and unpacks again if they differ.
 */
import { createReadStream } from "node:fs";
import { readdir, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { crc32 } from "node:zlib";
import { cacheFolder } from "../../../base/cache-folder.ts";
import { mapAhead } from "../../../base/concurrency.ts";
import { makeFolder, sha256, sha256OfFile, writeWhole } from "../../../base/files.ts";
import { withLock } from "../../../base/lock.ts";
import { readFailure, writeFailure } from "../../../base/system-errors.ts";
import { named } from "../../../base/text.ts";
import { byName } from "../file-tree.ts";
import { type ArchiveFault, createArchiveWriter, type WrittenFile } from "./archive-writer.ts";
import { type ArchiveKind, archiveLimits, type UnpackOptions, unpackTar, unpackZip } from "./unpack-archive.ts";

export interface KeptArchive {
  /** The folder with its files. */
  readonly folder: string;
  readonly faults: readonly ArchiveFault[];
  /** A sentence that says where it was unpacked. */
  readonly note: string;
}

/** Archives that were not used for this long are removed if all together exceed {@link MOST_BYTES}. */
export const OLD_MS = 24 * 60 * 60_000;
/** 32 GiB, unpacked. */
const MOST_BYTES = 32 * 2 ** 30;
/** The version of the stored layout. */
const VERSION = 1;
const CONTENTS = "contents.json";
const FILES = "files";

/** Where archives are unpacked to. */
export const archivesFolder = (): string => join(cacheFolder(), "archives");

/** The files of an archive, unpacked now or before. */
export async function openArchive(path: string, kind: ArchiveKind, options: UnpackOptions = {}): Promise<KeptArchive> {
  const digest = await sha256OfFile(path).catch((error: unknown) => {
    throw readFailure(path, error);
  });
  const place = join(archivesFolder(), `${digest}-${VERSION}`);
  const kept = (await checked(place)) ?? (await unpackedInto(place, path, kind, options));
  const now = new Date();
  // Records the last use; fails silently on a read-only cache.
  await utimes(join(place, CONTENTS), now, now).catch(() => {});
  return {
    folder: join(place, FILES),
    faults: kept.faults,
    note: `${basename(path)} is read from ${join(place, FILES)}, where it was unpacked (${kept.files.length} files).`,
  };
}

/** Whether the stored files are unchanged. */
export const isKeptWhole = async (place: string): Promise<boolean> => (await checked(place)) !== undefined;

/** Unpacks beside the place and renames, one process at a time. */
function unpackedInto(place: string, path: string, kind: ArchiveKind, options: UnpackOptions): Promise<Unpacked> {
  return withLock(`${place}.lock`, { whenHeld: "wait" }, async () => {
    const others = await checked(place);
    if (others) return others;
    const part = `${place}.${process.pid}.part`;
    await rm(part, { recursive: true, force: true });
    await makeFolder(join(part, FILES));
    try {
      const called = `The archive ${named(path, 500)}`;
      const unpacked = await unpackArchive(path, kind, join(part, FILES), called, options);
      await writeWhole(join(part, CONTENTS), sealed(unpacked));
      await rm(place, { recursive: true, force: true });
      await rename(part, place).catch((error: unknown) => {
        throw writeFailure(place, error);
      });
      await removeOld(place);
      return unpacked;
    } finally {
      await rm(part, { recursive: true, force: true }).catch(() => {});
    }
  });
}

/** The contents with their own digest. */
function sealed(contents: Unpacked): string {
  const text = JSON.stringify(contents);
  return JSON.stringify({ sha256: sha256(text), contents: text });
}

/** The stored contents; undefined if they are missing or damaged. */
async function checked(place: string): Promise<Unpacked | undefined> {
  const text = await readFile(join(place, CONTENTS), "utf8").catch(() => undefined);
  const contents = text === undefined ? undefined : unsealed(text);
  if (!contents) return undefined;
  const entries = await readdir(join(place, FILES), { recursive: true, withFileTypes: true }).catch(() => []);
  if (entries.filter((entry) => !entry.isDirectory()).length !== contents.files.length) return undefined;
  const checks = mapAhead(contents.files, availableParallelism() + 2, (file) => isWhole(join(place, FILES), file));
  for await (const isSame of checks) if (!isSame) return undefined;
  return contents;
}

function unsealed(text: string): Unpacked | undefined {
  try {
    const { sha256: digest, contents } = JSON.parse(text) as { sha256: unknown; contents: unknown };
    // The digest matches, so this is what was written.
    return typeof contents === "string" && sha256(contents) === digest ? (JSON.parse(contents) as Unpacked) : undefined;
  } catch {
    return undefined;
  }
}

async function isWhole(folder: string, { path, bytes, crc32: wanted }: WrittenFile): Promise<boolean> {
  try {
    const file = join(folder, path);
    if ((await stat(file)).size !== bytes) return false;
    let check = 0;
    if (bytes > 0)
      for await (const chunk of createReadStream(file, { highWaterMark: 1 << 18 })) check = crc32(chunk, check);
    return check === wanted;
  } catch {
    return false;
  }
}

/** Limits the size of all unpacked archives: removes the longest unused first, but none used within a day. */
export async function removeOld(own: string, most = MOST_BYTES): Promise<void> {
  const kept: { place: string; used: number; bytes: number }[] = [];
  for (const name of await readdir(archivesFolder())) {
    const place = join(archivesFolder(), name);
    if (/\.\d+\.part$/.test(name)) {
      // Left behind by a process that was killed.
      const { mtimeMs } = await stat(place).catch(() => ({ mtimeMs: Date.now() }));
      if (Date.now() - mtimeMs > OLD_MS) await rm(place, { recursive: true, force: true }).catch(() => {});
      continue;
    }
    const found = await stat(join(place, CONTENTS)).catch(() => undefined);
    if (!found) continue;
    const contents = unsealed(await readFile(join(place, CONTENTS), "utf8").catch(() => ""));
    const bytes = (contents?.files ?? []).reduce((sum, file) => sum + file.bytes, 0);
    kept.push({ place, used: found.mtimeMs, bytes });
  }
  let total = kept.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const { place, used, bytes } of kept.sort((a, b) => a.used - b.used)) {
    if (total <= most) return;
    if (place === own || Date.now() - used < OLD_MS) continue;
    await rm(place, { recursive: true, force: true }).catch(() => {});
    total -= bytes;
  }
}

export interface Unpacked {
  /** What was written, by path; files that are neither images nor lists are empty. */
  readonly files: readonly WrittenFile[];
  readonly faults: readonly ArchiveFault[];
}

/**
 * Unpacks an archive into an existing empty folder. Flushes nothing: a caller that keeps files does that.
 *
 * @param called the archive at the beginning of a sentence, such as `The archive photos.zip`
 * @throws GraftError (`data`) if it is damaged, unsafe or too large; files written before that remain
 */
export async function unpackArchive(
  path: string,
  kind: ArchiveKind,
  folder: string,
  called: string,
  { limits = archiveLimits, ...rest }: UnpackOptions = {},
): Promise<Unpacked> {
  const writer = createArchiveWriter(folder, called);
  const options = { limits, ...rest };
  if (kind === "zip") await unpackZip(path, writer, options);
  else await unpackTar(path, kind === "tar.gz", writer, options);
  return { files: [...writer.files].sort((a, b) => byName(a.path, b.path)), faults: writer.faults };
}
