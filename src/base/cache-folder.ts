/**
 * The cache folder (downloads, converted networks, computed features), and what its users share: times of last use, leases on folders,
 * and one value per kind of machine. Each owner defines the layout of its own folder.
 */

import { closeSync, openSync, rmSync } from "node:fs";
import { readdir, rm, stat, utimes } from "node:fs/promises";
import { cpus, homedir } from "node:os";
import { join, posix, win32 } from "node:path";
import type * as v from "valibot";
import { sha256 } from "./files.ts";
import { withLock } from "./lock.ts";
import { isAlive, keepFresh, OWNER_PATTERN, ownerName, ownerText, SILENCE } from "./owner.ts";
import { readSealedJson, writeSealedJson } from "./sealed.ts";

/** What the location depends on. Default: this process. */
export interface Surroundings {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly platform?: NodeJS.Platform | undefined;
  readonly home?: string | undefined;
}

/**
 * The cache folder. It holds only what can be fetched or computed again, so it may be deleted between runs.
 * `GRAFT_CACHE` if set, else `XDG_CACHE_HOME/graft`, else the platform's convention: `~/.cache/graft`,
 * `~/Library/Caches/graft` (macOS), `%LOCALAPPDATA%\graft\Cache` (Windows). The folder may not exist yet.
 */
export function cacheFolder({ env = process.env, platform = process.platform, home }: Surroundings = {}): string {
  const { resolve, isAbsolute } = platform === "win32" ? win32 : posix;
  if (env.GRAFT_CACHE) return resolve(env.GRAFT_CACHE);
  // The XDG base directory specification: a relative path is invalid and must be ignored.
  if (env.XDG_CACHE_HOME && isAbsolute(env.XDG_CACHE_HOME)) return resolve(env.XDG_CACHE_HOME, "graft");
  const own = home ?? homedir();
  if (platform === "darwin") return resolve(own, "Library", "Caches", "graft");
  if (platform === "win32") return resolve(env.LOCALAPPDATA || resolve(own, "AppData", "Local"), "graft", "Cache");
  return resolve(own, ".cache", "graft");
}

// Last use: the access time, set explicitly because most disks do not update it.

/** Records that a file or folder is used now. Does nothing on a read-only disk. */
export async function markUsed(path: string): Promise<void> {
  try {
    await utimes(path, new Date(), (await stat(path)).mtime);
  } catch {
    // Then the time at which it was written counts.
  }
}

/** When a file was last used or written, in milliseconds since 1970. */
export const lastUse = ({ atimeMs, mtimeMs }: { readonly atimeMs: number; readonly mtimeMs: number }): number =>
  Math.max(atimeMs, mtimeMs);

// Leases: files that mark a cache folder as used by a process, so that no other process removes it. A folder may have many leases; the
// lease of a killed process does not count.

const PREFIX = ".use-";
const pattern = new RegExp(`^\\.use-${OWNER_PATTERN}$`);

/** Whether a file is a lease, by its name. */
const isLease = (name: string): boolean => pattern.test(name);

/** Marks a folder as used until the returned function is called. Does nothing on a read-only disk. */
export function takeLease(folder: string): () => void {
  const path = join(folder, PREFIX + ownerName());
  try {
    closeSync(openSync(path, "wx"));
  } catch {
    return () => {};
  }
  const stop = keepFresh(path);
  return () => {
    stop();
    rmSync(path, { force: true });
  };
}

/** The processes that use a folder, in words. Removes leases of processes that have ended. */
export async function usersOf(folder: string): Promise<string[]> {
  const users: string[] = [];
  for (const name of await readdir(folder).catch((): string[] => [])) {
    if (!isLease(name)) continue;
    const path = join(folder, name);
    const owner = name.slice(PREFIX.length);
    const seen = await stat(path).catch(() => undefined);
    if (seen && isAlive(owner, seen.mtimeMs, SILENCE)) users.push(ownerText(owner));
    else await rm(path, { force: true }).catch(() => {});
  }
  return users;
}

// Values that are valid for one kind of machine only: several machines may share a cache.

/** Identifies a kind of machine: equal on machines with the same processor and number of cores. Safe in a file name. */
function machineKey(): string {
  const cores = cpus();
  return sha256(`${cores[0]?.model}×${cores.length}`).slice(0, 16);
}

/** One value per kind of machine. */
export interface MachineStore<T> {
  /** The stored value, or the initial one if nothing is stored or the file is damaged. */
  read(): Promise<T>;
  /** Replaces the value. Safe while other processes do the same. */
  update(change: (value: T) => T): Promise<void>;
}

/**
 * The store in the folder `kind` of the cache.
 *
 * @param what names the value in notices, as the beginning of a sentence
 */
export function machineStore<T>(
  kind: string,
  what: string,
  schema: v.GenericSchema<unknown, T>,
  initial: T,
): MachineStore<T> {
  const path = (): string => join(cacheFolder(), kind, `${machineKey()}.json`);
  const read = async (): Promise<T> => (await readSealedJson(path(), schema, what)) ?? initial;
  return {
    read,
    update: (change) =>
      withLock(`${path()}.lock`, { whenHeld: "wait" }, async () => writeSealedJson(path(), change(await read()))),
  };
}
