/**
 * Lists, prunes and verifies the cache. Safe while other processes use the cache: entries in use are not removed.
 */
import * as v from "valibot";
import { cacheFolder } from "../base/cache-folder.ts";
import {
  abortSignal,
  callback,
  callOf,
  checked,
  type Described,
  flag,
  listOf,
  oneOf,
  optionsOf,
  type Schema,
} from "../base/option-schemas.ts";
import { createMeter, type OnProgress } from "../base/progress.ts";
import { type CacheEntry, type CacheKind, cacheKinds, type Damage, type KindRow } from "./cache-entry.ts";
import {
  archives,
  boundary,
  copies,
  costs,
  features,
  huggingface,
  networks,
  npm,
  other,
  speeds,
  traits,
  transfers,
  unfinished,
} from "./cache-kinds.ts";

export { type CacheEntry, type CacheKind, cacheKinds, type Damage } from "./cache-entry.ts";

const rows: { readonly [K in CacheKind]: KindRow } = {
  networks,
  npm,
  huggingface,
  archives,
  features,
  boundary,
  traits,
  copies,
  speeds,
  costs,
  transfers,
  unfinished,
  other,
};

const allKinds = Object.keys(cacheKinds) as CacheKind[];

/** Which kinds; default all. */
export interface CacheSelection {
  readonly kinds?: readonly CacheKind[] | undefined;
}

const selection = { kinds: v.optional(listOf(oneOf(allKinds))) };
const selectionSchema: Schema<CacheSelection> = optionsOf(selection satisfies Described<CacheSelection>);

/** What is in the cache. */
export interface CacheContents {
  /** The cache folder, which may not exist. */
  readonly folder: string;
  readonly bytes: number;
  /** The entries of the selected kinds, in the order of {@link cacheKinds}, the most recently used first. */
  readonly entries: readonly CacheEntry[];
}

/** Lists what is in the cache. Throws a GraftError (`usage`) for an unknown kind. */
export async function listCache(options: CacheSelection = {}): Promise<CacheContents> {
  const { kinds } = checked(selectionSchema, options, callOf("listCache"));
  const asked = allKinds.filter((kind) => kinds === undefined || kinds.includes(kind));
  const entries = (await Promise.all(asked.map((kind) => rows[kind].list()))).flatMap((found) =>
    found.sort((a, b) => b.lastUsed.getTime() - a.lastUsed.getTime()),
  );
  return { folder: cacheFolder(), bytes: sum(entries), entries };
}

export interface PruneOptions extends CacheSelection {
  /** Removes entries that were not used for this many seconds. */
  readonly olderThan?: number | undefined;
  /** Removes the least recently used entries until the rest has at most this many bytes. */
  readonly maxBytes?: number | undefined;
  /** Removes nothing and returns what would be removed. */
  readonly dryRun?: boolean | undefined;
}

const atLeastZero = v.pipe(v.number("a number from 0"), v.minValue(0, "a number from 0"));
const pruneSchema: Schema<PruneOptions> = optionsOf({
  ...selection,
  olderThan: v.optional(atLeastZero),
  maxBytes: v.optional(atLeastZero),
  dryRun: v.optional(flag),
} satisfies Described<PruneOptions>);

/** What was removed, and what could not be removed. */
export interface Pruned {
  readonly removed: readonly CacheEntry[];
  readonly kept: readonly { readonly entry: CacheEntry; readonly reason: string }[];
  /** The bytes that were removed, and the bytes of the selected kinds that are left. */
  readonly freedBytes: number;
  readonly leftBytes: number;
}

/**
 * Removes entries by age, by size, or all of some kinds. Without any of these, removes only what killed processes left. Keeps entries
 * that are in use.
 *
 * @throws GraftError (`usage`) if an option is not valid
 */
export async function pruneCache(options: PruneOptions = {}): Promise<Pruned> {
  const { kinds, olderThan, maxBytes, dryRun = false } = checked(pruneSchema, options, callOf("pruneCache"));
  const isAsked = kinds !== undefined || olderThan !== undefined || maxBytes !== undefined;
  const { entries } = await listCache({ kinds: isAsked ? kinds : ["unfinished"] });
  const removable = entries.filter(({ kind }) => kind !== "other" || kinds?.includes("other"));
  const chosen = isAsked ? toRemove(removable, options) : removable;
  const removed: CacheEntry[] = [];
  const kept: { entry: CacheEntry; reason: string }[] = [];
  for (const entry of chosen) {
    const reason = dryRun ? undefined : await rows[entry.kind].remove(entry);
    if (reason === undefined) removed.push(entry);
    else kept.push({ entry, reason });
  }
  return { removed, kept, freedBytes: sum(removed), leftBytes: sum(entries) - sum(removed) };
}

/** The entries to remove, the least recently used first. */
function toRemove(entries: readonly CacheEntry[], { olderThan, maxBytes }: PruneOptions): CacheEntry[] {
  const byAge = [...entries].sort((a, b) => a.lastUsed.getTime() - b.lastUsed.getTime());
  if (olderThan === undefined && maxBytes === undefined) return byAge;
  const before = olderThan === undefined ? Number.NEGATIVE_INFINITY : Date.now() - olderThan * 1000;
  let left = sum(entries);
  return byAge.filter(({ lastUsed, bytes }) => {
    const goes = lastUsed.getTime() < before || (maxBytes !== undefined && left > maxBytes);
    if (goes) left -= bytes;
    return goes;
  });
}

export interface VerifyOptions extends CacheSelection {
  /** Removes damaged files, so that they are created or fetched again. Default false. */
  readonly repair?: boolean | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

const verifySchema: Schema<VerifyOptions> = optionsOf({
  ...selection,
  repair: v.optional(flag),
  onProgress: v.optional(callback<OnProgress>()),
  signal: v.optional(abortSignal),
} satisfies Described<VerifyOptions>);

/** The result of {@link verifyCache}. */
export interface Verified {
  readonly entries: number;
  readonly bytes: number;
  readonly damaged: readonly (Damage & { readonly entry: CacheEntry })[];
  /** Entries without damage now; the other damaged ones are in use. */
  readonly repaired: readonly CacheEntry[];
}

/**
 * Reads everything in the cache and compares it with its checksums.
 *
 * @throws GraftError (`usage`) if an option is not valid; the signal's reason if it is aborted
 */
export async function verifyCache(options: VerifyOptions = {}): Promise<Verified> {
  const { kinds, repair = false, onProgress, signal } = checked(verifySchema, options, callOf("verifyCache"));
  const { entries, bytes } = await listCache({ kinds });
  const meter = createMeter({ stage: "Verifying the cache", unit: "bytes", total: bytes, onProgress });
  const damaged: (Damage & { entry: CacheEntry })[] = [];
  const repaired: CacheEntry[] = [];
  for (const entry of entries) {
    signal?.throwIfAborted();
    const row = rows[entry.kind];
    const found = await row.verify(entry);
    for (const damage of found) damaged.push({ ...damage, entry });
    if (found.length > 0 && repair) {
      const why = await (row.repair ? row.repair(entry, found) : row.remove(entry));
      if (why === undefined) repaired.push(entry);
    }
    meter.add(entry.bytes);
  }
  return { entries: entries.length, bytes, damaged, repaired };
}

const sum = (entries: readonly CacheEntry[]): number => entries.reduce((total, { bytes }) => total + bytes, 0);
