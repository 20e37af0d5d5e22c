/** How entries of each kind are listed, verified, repaired and removed. manage-cache.ts decides which. */

import { readdir, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import * as v from "valibot";
import { cacheFolder, usersOf } from "../base/cache-folder.ts";
import { isPart, leftOverParts, sha256OfFile } from "../base/files.ts";
import { tryLock } from "../base/lock.ts";
import { inspectSealedJson } from "../base/sealed.ts";
import { archivesFolder, isKeptWhole, OLD_MS } from "../data/dataset/archive/kept-archive.ts";
import { blobsFolder, recordSchema, storeFolder, unfinishedTransfers } from "../hub/huggingface/hub-store.ts";
import { npmCache } from "../hub/npm/npm-fetch.ts";
import { INDEX, indexSchema } from "../hub/npm/npm-store.ts";
import { convertedFolder, recordOf, verifyConverted } from "../networks/npm-network.ts";
import { boundaryCaches } from "../train/features/boundary-cache.ts";
import { featureCaches, readAbout } from "../train/features/feature-cache.ts";
import { dropDamaged, verifySegments } from "../train/features/segments.ts";
import { traitCaches } from "../train/features/trait-cache.ts";
import {
  type CacheEntry,
  type CacheKind,
  cacheKinds,
  type Damage,
  entryAt,
  type KindRow,
  namesIn,
  removeWhole,
} from "./cache-entry.ts";

const isEntry = (entry: CacheEntry | undefined): entry is CacheEntry => entry !== undefined;

/** Runs a removal unless another process is making or fetching the same entry. */
async function underLock(lock: string, remove: () => Promise<string | undefined>): Promise<string | undefined> {
  const done = await tryLock(lock, async () => ({ why: await remove() }));
  return done ? done.why : "another process is making or fetching it";
}

const CHANGED = "its content has changed";

export const networks: KindRow = {
  async list() {
    const names = (await namesIn(convertedFolder())).filter((name) => name.endsWith(".onnx"));
    const found = names.map((name) =>
      entryAt("networks", join(convertedFolder(), name), name.replace(/-[0-9a-f]{12}-\d+\.onnx$/, "")),
    );
    return (await Promise.all(found)).filter(isEntry);
  },
  async verify({ path }) {
    const found = await verifyConverted(path);
    return found === "whole" ? [] : [{ path, problem: found === "damaged" ? CHANGED : "it has no checksum" }];
  },
  remove: ({ path }) =>
    underLock(`${path}.lock`, async () => {
      const why = await removeWhole(path);
      if (why === undefined) await rm(recordOf(path), { recursive: true, force: true });
      return why;
    }),
};

export const npm: KindRow = {
  async list() {
    const names = (await namesIn(npmCache())).filter((name) => !name.startsWith(".") && !name.endsWith(".lock"));
    const found = names.map((name) =>
      entryAt("npm", join(npmCache(), name), name.replace(/-[0-9a-f]{12}$/, "").replace("+", "/")),
    );
    return (await Promise.all(found)).filter(isEntry);
  },
  async verify({ path: folder }) {
    const index = await inspectSealedJson(join(folder, INDEX), indexSchema);
    if (index.kind !== "whole") return [{ path: join(folder, INDEX), problem: "it is missing or damaged" }];
    const damage: Damage[] = [];
    for (const [name, sha256] of Object.entries(index.value.kept)) {
      const path = join(folder, name);
      if ((await sha256OfFile(path).catch(() => undefined)) !== sha256) damage.push({ path, problem: CHANGED });
    }
    return damage;
  },
  remove: ({ path }) => underLock(`${path}.lock`, () => removeWhole(path)),
};

/** The name of each content of a hub, by its SHA-256. */
async function namesOfContents(): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, string>();
  const models = join(storeFolder(), "models");
  for (const record of await readdir(models, { recursive: true }).catch((): string[] => [])) {
    if (!record.endsWith(".json")) continue;
    const found = await inspectSealedJson(join(models, record), recordSchema);
    if (found.kind === "whole")
      names.set(found.value.sha256, `${record.split(/[\\/]/)[0]!.replace("--", "/")}/${found.value.file}`);
  }
  return names;
}

const digestIn = (name: string): string | undefined => /^[0-9a-f]{64}(?=\.|$)/.exec(name)?.[0];

export const huggingface: KindRow = {
  async list() {
    const names = await namesOfContents();
    const contents = (await namesIn(blobsFolder())).filter(
      (name) => digestIn(name) !== undefined && !/\.(part|copy|lock)$/.test(name),
    );
    const found = contents.map((name) =>
      entryAt("huggingface", join(blobsFolder(), name), names.get(digestIn(name)!) ?? name),
    );
    return (await Promise.all(found)).filter(isEntry);
  },
  async verify({ path }) {
    const digest = digestIn(relative(blobsFolder(), path));
    return (await sha256OfFile(path).catch(() => undefined)) === digest ? [] : [{ path, problem: CHANGED }];
  },
  remove: ({ path }) =>
    underLock(join(blobsFolder(), `${digestIn(relative(blobsFolder(), path))}.lock`), () => removeWhole(path)),
};

export const archives: KindRow = {
  async list() {
    const names = (await namesIn(archivesFolder())).filter((name) => /^[0-9a-f]{64}-\d+$/.test(name));
    const found = names.map((name) => entryAt("archives", join(archivesFolder(), name), name.slice(0, 12)));
    return (await Promise.all(found)).filter(isEntry);
  },
  verify: async ({ path }) => ((await isKeptWhole(path)) ? [] : [{ path, problem: CHANGED }]),
  async remove({ path, lastUsed }) {
    // A command may read the files as long as it runs, but records the use only at its start.
    if (Date.now() - lastUsed.getTime() < OLD_MS) return "it was used less than a day ago, and may be in use";
    return underLock(`${path}.lock`, () => removeWhole(path));
  },
};

/** A kind of JSON files with checksums, in a folder with the name of the kind. */
const jsonFiles = (kind: CacheKind, what: string): KindRow => ({
  async list() {
    const folder = join(cacheFolder(), kind);
    const names = (await namesIn(folder)).filter((name) => name.endsWith(".json"));
    const found = names.map((name) => entryAt(kind, join(folder, name), `${what} ${name.slice(0, 8)}`));
    return (await Promise.all(found)).filter(isEntry);
  },
  async verify({ path }) {
    const { kind: found } = await inspectSealedJson(path, v.unknown());
    return found === "whole" ? [] : [{ path, problem: found === "other" ? "it has no checksum" : CHANGED }];
  },
  remove: ({ path }) => underLock(`${path}.lock`, () => removeWhole(path)),
});

export const speeds = jsonFiles("speeds", "machine");
export const costs = jsonFiles("costs", "machine");
export const copies = jsonFiles("copies", "images");

// Folders of records: features, boundaries of fine-tuning, traits of the audit.

const folders = (kind: CacheKind, parent: () => string): KindRow => ({
  async list() {
    const entries: CacheEntry[] = [];
    for (const name of await namesIn(parent())) {
      const path = join(parent(), name);
      const entry = name.startsWith(".") ? undefined : await entryAt(kind, path, (await readAbout(path)) ?? name);
      if (entry) entries.push(entry);
    }
    return entries;
  },
  async verify({ path: folder }) {
    const damage = await verifySegments(folder);
    for (const name of await namesIn(folder)) {
      if (!name.endsWith(".json")) continue;
      const path = join(folder, name);
      const { kind: found } = await inspectSealedJson(path, v.unknown());
      if (found === "damaged") damage.push({ path, problem: CHANGED });
    }
    return damage;
  },
  async repair({ path: folder }, damage) {
    for (const { path } of damage)
      if (path.endsWith(".json")) await removeWhole(path);
      else await dropDamaged(folder, path);
    return (await verifySegments(folder)).length > 0 ? "a process is writing to it" : undefined;
  },
  async remove({ path }) {
    const [user] = await usersOf(path);
    return user === undefined ? removeWhole(path) : `${user} uses it`;
  },
});

export const features = folders("features", featureCaches);
export const boundary = folders("boundary", boundaryCaches);
export const traits = folders("traits", traitCaches);

// Unfinished and unknown files.

/** All folders of the cache, at any depth. */
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

/** The partial files and folders in all folders of the cache. */
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

/** Names at the top of the cache that belong to no kind. */
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
