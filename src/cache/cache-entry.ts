/** The kinds and entries of the cache, and how to measure and remove an entry. cache-kinds.ts implements each kind. */
import { readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { cacheFolder, lastUse } from "../base/cache-folder.ts";
import { codeOf } from "../base/errors.ts";
import { partPath } from "../base/files.ts";
import { systemReason } from "../base/system-errors.ts";

/** The kinds of things in the cache, with what they are. */
export const cacheKinds = {
  networks: "networks that were converted to ONNX",
  npm: "files of npm packages, as they were fetched",
  huggingface: "files of Hugging Face repositories, as they were fetched",
  archives: "datasets in archives, unpacked",
  features: "features of images, by network, cut and preprocessing",
  boundary: "outputs of frozen stages for images, for fine-tuning",
  traits: "what the audit measured on images",
  copies: "which images of a dataset are copies",
  speeds: "how fast networks ran on this machine",
  costs: "what networks cost to run on this machine",
  transfers: "files that are being downloaded, or whose download was interrupted and resumes from there",
  unfinished: "files that are being written, or that a killed process left unfinished",
  other: "files that this version of Graft does not know; never removed",
} as const;

export type CacheKind = keyof typeof cacheKinds;

/** One entry of the cache: a file or folder that is kept or removed as a whole. */
export interface CacheEntry {
  readonly kind: CacheKind;
  /** For people: a network, a package, a file of a repository. */
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
  /** When it was last used or written. */
  readonly lastUsed: Date;
}

/** A damaged file. */
export interface Damage {
  readonly path: string;
  /** What is wrong, for the end of a sentence. */
  readonly problem: string;
}

/** How the entries of one kind are found, verified and removed. */
export interface KindRow {
  list(): Promise<CacheEntry[]>;
  /** Reads all of an entry and returns the damaged files. */
  verify(entry: CacheEntry): Promise<Damage[]>;
  /** Removes the damaged parts of an entry and keeps the rest; without this method the whole entry is removed. */
  repair?(entry: CacheEntry, damage: readonly Damage[]): Promise<string | undefined>;
  /** Removes an entry, unless it is in use; then returns the reason, for the end of a sentence. */
  remove(entry: CacheEntry): Promise<string | undefined>;
}

/** Bytes and the last use of a file, or of a folder with everything in it. */
export async function measure(path: string): Promise<{ readonly bytes: number; readonly lastUsed: Date } | undefined> {
  const found = await stat(path).catch(() => undefined);
  if (!found) return undefined;
  if (!found.isDirectory()) return { bytes: found.size, lastUsed: new Date(lastUse(found)) };
  let [bytes, used] = [0, found.mtimeMs];
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true }).catch(() => [])) {
    if (!entry.isFile()) continue;
    const inside = await stat(join(entry.parentPath, entry.name)).catch(() => undefined);
    bytes += inside?.size ?? 0;
    used = Math.max(used, inside ? lastUse(inside) : 0);
  }
  return { bytes, lastUsed: new Date(used) };
}

/** The entry at a path; undefined if it no longer exists. */
export async function entryAt(kind: CacheKind, path: string, name: string): Promise<CacheEntry | undefined> {
  const size = await measure(path);
  return size && { kind, name, path, ...size };
}

/** The names in a folder of the cache; empty if it does not exist. */
export async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).sort();
  } catch (error) {
    if (codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR") return [];
    throw error;
  }
}

/**
 * Moves a file or folder out of the cache in one step, then deletes it, so that no reader sees half of it. If the system refuses,
 * returns the reason.
 */
export async function removeWhole(path: string): Promise<string | undefined> {
  const gone = partPath(cacheFolder());
  try {
    await rename(path, gone);
    await rm(gone, { recursive: true, force: true });
    return undefined;
  } catch (error) {
    return codeOf(error) === "ENOENT" ? undefined : systemReason(error, "write");
  }
}
