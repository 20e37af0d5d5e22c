/**
 * Pictures → features: decode, prepare, run the backbone in batches, keep the result in the cache.
 * Decoding runs ahead of the backbone, and memory holds one batch and the few pictures after it, however many there are.
 */
import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { mapAhead } from "../../base/concurrency.ts";
import { isDataError, messageOf } from "../../base/errors.ts";
import { readBytes } from "../../base/files.ts";
import { createMeter, type OnProgress } from "../../base/progress.ts";
import { type RgbImage, withImage } from "../../data/decode.ts";
import type { FeatureCache, Location } from "./cache.ts";
import type { BackboneRunner } from "./runner.ts";
import { type RowTable, tableOf } from "./table.ts";

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
  /** Seconds that pictures took to decode and prepare, divided by how many were under way at once; waiting for cores included. */
  readonly decodeSeconds: number;
  /** Seconds inside the backbone. */
  readonly forwardSeconds: number;
}

export interface ExtractOptions {
  /** Images a run of the backbone. Default 16. */
  readonly batch?: number | undefined;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called with each picture that is decoded, so that no one need decode it again; awaited. */
  readonly onDecoded?: OnDecoded | undefined;
}

/** Takes a decoded picture, with the SHA-256 and the bytes of its file. */
export type OnDecoded = (image: RgbImage, sha256: Buffer, file: Uint8Array) => Promise<void>;

type Read =
  | { readonly kind: "cached"; readonly item: number; readonly at: Location }
  | { readonly kind: "prepared"; readonly item: number; readonly key: Buffer; readonly pixels: Float32Array }
  | { readonly kind: "unreadable"; readonly item: number; readonly reason: string };

/** Computes, or finds in the cache, the features of every picture in `paths`. */
export async function extractFeatures(
  paths: readonly string[],
  cache: FeatureCache,
  runner: BackboneRunner,
  { batch = 16, onProgress, signal, onDecoded }: ExtractOptions = {},
): Promise<Extraction> {
  const ahead = availableParallelism() + 2;
  const locations = new Map<number, Location>();
  const digests = new Map<number, Buffer>();
  const skipped: Skipped[] = [];
  let [decodeSeconds, forwardSeconds, computed, cached] = [0, 0, 0, 0];
  let pending: Extract<Read, { kind: "prepared" }>[] = [];

  const read = async (item: number): Promise<Read> => {
    const path = paths[item]!;
    try {
      const bytes = await readBytes(path);
      const key = createHash("sha256").update(bytes).digest();
      digests.set(item, key);
      const at = cache.find(key);
      if (at) return { kind: "cached", item, at };
      const began = performance.now();
      const pixels = await withImage(bytes, async (image) => {
        await onDecoded?.(image, key, bytes);
        return runner.prepare(image);
      });
      decodeSeconds += (performance.now() - began) / 1000 / ahead;
      return { kind: "prepared", item, key, pixels };
    } catch (error) {
      // Only the picture's own faults are passed over; a broken runtime, a full disk or too many open files end the work.
      if (!isDataError(error)) throw error;
      return { kind: "unreadable", item, reason: messageOf(error) };
    }
  };

  const flush = async (): Promise<void> => {
    if (pending.length === 0) return;
    const size = pending[0]!.pixels.length;
    const data = new Float32Array(pending.length * size);
    pending.forEach(({ pixels }, i) => {
      data.set(pixels, i * size);
    });
    const began = performance.now();
    const features = await runner.forward({ dims: [pending.length, ...runner.inputDims], data });
    forwardSeconds += (performance.now() - began) / 1000;
    const at = cache.add(
      pending.map(({ key }) => key),
      features,
    );
    pending.forEach(({ item }, i) => {
      locations.set(item, at[i]!);
    });
    computed += pending.length;
    pending = [];
  };

  const meter = createMeter({ stage: "Reading features", unit: "images", total: paths.length, onProgress });
  for await (const result of mapAhead(paths.keys(), ahead, read)) {
    signal?.throwIfAborted();
    if (result.kind === "cached") {
      locations.set(result.item, result.at);
      cached++;
    } else if (result.kind === "unreadable") skipped.push({ path: paths[result.item]!, reason: result.reason });
    else pending.push(result);
    if (pending.length >= batch) await flush();
    meter.add();
  }
  await flush();
  const kept = [...locations.keys()].sort((a, b) => a - b);
  const table = tableOf(kept.length, cache.features, (row, into) => cache.read(locations.get(kept[row]!)!, into));
  return { table, kept, skipped, digests, computed, cached, decodeSeconds, forwardSeconds };
}
