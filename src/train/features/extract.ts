/**
 * Images → features: what the cache has, and what is computed now (compute.ts: in this thread, or for many images in lanes) and kept.
 * Reading files runs ahead of computing; memory holds the few images that are under way, however many there are.
 */

import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { concatenate } from "../../base/concatenate.ts";
import { mapAhead } from "../../base/concurrency.ts";
import { isDataError, messageOf } from "../../base/errors.ts";
import { readBytes } from "../../base/files.ts";
import { createMeter, type OnProgress } from "../../base/progress.ts";
import type { FeatureCache, Location } from "./cache.ts";
import { computeFiles } from "./compute.ts";
import { FEWEST_IMAGES, IMAGES_A_CALL, type Lanes } from "./lanes.ts";
import type { BackboneRunner } from "./runner.ts";
import { type RowTable, tableOf } from "./table.ts";
import type { TraitCache } from "./trait-cache.ts";

/** A picture that could not be used, and why. */
export interface Skipped {
  readonly path: string;
  readonly reason: string;
}

/** The features of a list of pictures. */
export interface Extraction {
  /** `[kept.length, D]` */
  readonly table: RowTable;
  /** Positions in the list of the pictures that could be read: row i of the table is picture `kept[i]`. */
  readonly kept: readonly number[];
  readonly skipped: readonly Skipped[];
  /** SHA-256 of each picture's file, by its position in the list; nothing for files that could not be opened. */
  readonly digests: ReadonlyMap<number, Buffer>;
  /** Pictures that went through the backbone now, and that the cache already had. */
  readonly computed: number;
  readonly cached: number;
  /** Seconds that images took to decode and prepare, divided by how many threads did so; waiting for cores included. */
  readonly decodeSeconds: number;
  /** Seconds inside the backbone, divided by how many threads ran it. */
  readonly forwardSeconds: number;
}

export interface ExtractOptions {
  /** Images a run of the backbone in this thread. Default 16. */
  readonly batch?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Where the traits of images are kept that are decoded anyway, so that they are not decoded again. */
  readonly traits?: Pick<TraitCache, "lacks" | "add"> | undefined;
}

/** A file that was opened. */
interface Opened {
  readonly item: number;
  readonly key: Buffer;
  readonly bytes: Buffer;
}

type Read =
  | (Opened & { readonly kind: "missing" })
  | { readonly kind: "cached"; readonly item: number; readonly at: Location }
  | { readonly kind: "unreadable"; readonly item: number; readonly reason: string };

/** Runs under way in this thread: the images of one are decoded while the other runs. */
const CALLS_AHEAD = 2;
/** Bytes of files that are held before they are computed. */
const MOST_BYTES = 64 << 20;

/** Computes, or finds in the cache, the features of every picture in `paths`. */
export async function extractFeatures(
  paths: readonly string[],
  cache: FeatureCache,
  runner: BackboneRunner,
  { batch = 16, onProgress, signal, traits }: ExtractOptions = {},
): Promise<Extraction> {
  const locations = new Map<number, Location>();
  const digests = new Map<number, Buffer>();
  const unreadable: { readonly item: number; readonly reason: string }[] = [];
  let [decodeSeconds, forwardSeconds, computed, cached] = [0, 0, 0, 0];
  const meter = createMeter({ stage: "Reading features", unit: "images", total: paths.length, onProgress });

  const read = async (item: number): Promise<Read> => {
    const path = paths[item]!;
    try {
      const bytes = await readBytes(path);
      const key = createHash("sha256").update(bytes).digest();
      digests.set(item, key);
      const at = cache.find(key);
      return at ? { kind: "cached", item, at } : { kind: "missing", item, key, bytes };
    } catch (error) {
      if (!isDataError(error)) throw error;
      return { kind: "unreadable", item, reason: messageOf(error) };
    }
  };

  const underWay: Promise<() => void>[] = [];
  let lanes: Lanes | undefined;
  /** Computes some files; what comes of it is kept once its turn has come, in the order of the list. */
  const begin = (some: readonly Opened[]): void => {
    const asked = some.map(({ key, bytes }) => ({ bytes, measure: traits?.lacks(key) === true }));
    const work = lanes ? lanes.compute(asked) : computeFiles(runner, asked, batch);
    const threads = lanes?.count ?? 1;
    const keep = work.then((found) => () => {
      decodeSeconds += found.decodeSeconds / threads;
      forwardSeconds += found.forwardSeconds / threads;
      const done: { readonly file: Opened; readonly features: Float32Array }[] = [];
      found.files.forEach((one, i) => {
        const file = some[i]!;
        if ("unreadable" in one) unreadable.push({ item: file.item, reason: one.unreadable });
        else {
          if (one.traits) traits?.add(file.key, one.traits);
          done.push({ file, features: one.features });
        }
      });
      if (done.length > 0) {
        const at = cache.add(
          done.map(({ file }) => file.key),
          concatenate(done.map(({ features }) => features)),
        );
        done.forEach(({ file }, i) => {
          locations.set(file.item, at[i]!);
        });
      }
      computed += done.length;
      meter.add(some.length);
    });
    // A failure is met when its turn comes; until then it must not count as unhandled.
    keep.catch(() => {});
    underWay.push(keep);
  };
  const keepUntil = async (left: number): Promise<void> => {
    while (underWay.length > left) {
      (await underWay.shift()!)();
      signal?.throwIfAborted();
    }
  };

  let files: Opened[] = [];
  let heldBytes = 0;
  for await (const result of mapAhead(paths.keys(), availableParallelism() + 2, read)) {
    signal?.throwIfAborted();
    if (result.kind !== "missing") {
      if (result.kind === "cached") {
        locations.set(result.item, result.at);
        cached++;
      } else unreadable.push(result);
      meter.add();
      continue;
    }
    files.push(result);
    heldBytes += result.bytes.length;
    if (files.length < batch && heldBytes < MOST_BYTES && !(lanes && files.length >= IMAGES_A_CALL)) continue;
    if (paths.length - cached >= FEWEST_IMAGES) lanes ??= runner.lanes?.();
    const size = lanes ? IMAGES_A_CALL : batch;
    for (let from = 0; from < files.length; from += size) {
      await keepUntil((lanes?.calls ?? CALLS_AHEAD) - 1);
      begin(files.slice(from, from + size));
    }
    [files, heldBytes] = [[], 0];
  }
  if (files.length > 0) begin(files);
  await keepUntil(0);
  const skipped = unreadable
    .sort((a, b) => a.item - b.item)
    .map(({ item, reason }) => ({ path: paths[item]!, reason }));
  const kept = [...locations.keys()].sort((a, b) => a - b);
  const table = tableOf(kept.length, cache.features, (row, into) => cache.read(locations.get(kept[row]!)!, into));
  return { table, kept, skipped, digests, computed, cached, decodeSeconds, forwardSeconds };
}
