/** The kinds of unfinished and unknown files. */
import { readdir, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { cacheFolder } from "../../base/cache.ts";
import { tryLock } from "../../base/lock.ts";
import { isPart, leftOverParts } from "../../base/parts.ts";
import { unfinishedTransfers } from "../../hub/huggingface/store.ts";
import { type CacheEntry, type CacheKind, cacheKinds, entryAt, type KindRow, namesIn } from "../cache-entry.ts";

/** The folders of the cache in which files are written, at any depth. */
async function foldersOfCache(): Promise<string[]> {
  const inside = await Promise.all(
    Object.keys(cacheKinds).map(async (kind) => {
      const top = join(cacheFolder(), kind);
      const entries = await readdir(top, { recursive: true, withFileTypes: true }).catch(() => []);
      return [top, ...entries.filter((one) => one.isDirectory()).map((one) => join(one.parentPath, one.name))];
    }),
  );
  return [cacheFolder(), ...inside.flat()];
}

/** Files and folders that are being written, in every folder of the cache. */
async function partsOfCache(): Promise<string[]> {
  const found: string[] = [];
  for (const folder of await foldersOfCache())
    for (const name of await namesIn(folder)) if (isPart(name)) found.push(join(folder, name));
  return found;
}

const nameOf = (path: string): string => relative(cacheFolder(), path);

async function entriesAt(kind: CacheKind, paths: readonly string[]): Promise<CacheEntry[]> {
  const entries = await Promise.all(paths.map((path) => entryAt(kind, path, nameOf(path))));
  return entries.filter((entry): entry is CacheEntry => entry !== undefined);
}

export const transfers: KindRow = {
  list: async () =>
    entriesAt(
      "transfers",
      (await unfinishedTransfers()).map(({ path }) => path),
    ),
  verify: async () => [],
  async remove({ path }) {
    const transfer = (await unfinishedTransfers()).find((one) => one.path === path);
    if (!transfer) return undefined;
    const done = await tryLock(transfer.lock, async () => rm(path, { force: true }).then(() => true));
    return done ? undefined : "another process is fetching it";
  },
};

export const unfinished: KindRow = {
  list: async () => entriesAt("unfinished", await partsOfCache()),
  verify: async () => [],
  async remove({ path }) {
    const isLeft = (await leftOverParts(join(path, ".."))).includes(path);
    if (!isLeft) return "a process is writing it";
    await rm(path, { recursive: true, force: true });
    return undefined;
  },
};

/** Names at the top of the cache that are no kind's. */
export const other: KindRow = {
  async list() {
    const names = (await namesIn(cacheFolder())).filter((name) => !Object.hasOwn(cacheKinds, name) && !isPart(name));
    return entriesAt(
      "other",
      names.map((name) => join(cacheFolder(), name)),
    );
  },
  verify: async () => [],
  remove: async () => "this version of Graft does not know what it is",
};
