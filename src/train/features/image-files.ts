/**
 * Image files as sources of a training in Node, and the features of a list of files: found in a cache, or computed. The loop over images is in
 * fill-records.ts.
 */
import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { readBytes } from "../../base/files.ts";
import { withImage } from "../../data/image/decode.ts";
import type { Listening, Passing } from "../environment.ts";
import type { FrozenPart } from "../frozen.ts";
import { type FeatureCache, recordsOf } from "./feature-cache.ts";
import { type Features, fillFeatures } from "./fill-records.ts";
import type { ImageSource, KnownImage } from "./images-and-records.ts";
import { measuresOf, type TraitCache } from "./trait-cache.ts";

/** An image source that reads a file. */
export const fileImage = (path: string): ImageSource => ({
  name: path,
  async load() {
    const bytes = await readBytes(path);
    return {
      digest: createHash("sha256").update(bytes).digest("hex"),
      bytes,
      use: (work) => withImage(bytes, work),
    };
  },
});

/** A file with a known SHA-256. */
export const knownFile = (path: string, sha256: Buffer): KnownImage => ({
  source: fileImage(path),
  digest: sha256.toString("hex"),
});

/** How images pass through the frozen part in Node. */
export const passing: Passing = {
  // Part of the key of stored boundaries, because outputs may differ in the last bit with it.
  batch: 16,
  loadsAhead: availableParallelism() + 2,
  runsAhead: 2,
  pause: async () => {},
};

/** An unreadable image, and why. */
export interface Skipped {
  readonly path: string;
  readonly reason: string;
}

/** The features of a list of images. */
export interface Extraction extends Omit<Features, "digests" | "unreadable" | "stored"> {
  readonly skipped: readonly Skipped[];
  /** SHA-256 of each file, by its position in the list; without files that could not be opened. */
  readonly digests: ReadonlyMap<number, Buffer>;
  /** Images whose features were in the cache. */
  readonly cached: number;
}

export interface ExtractOptions extends Listening {
  /** Images per run of the backbone in this thread. Default 16. */
  readonly batch?: number | undefined;
  /** Stores the traits of images that are decoded anyway, so that they are not decoded again. */
  readonly traits?: Pick<TraitCache, "lacks" | "add"> | undefined;
}

/** Finds the features of every image in the cache, or computes them. */
export async function extractFeatures(
  paths: readonly string[],
  cache: FeatureCache,
  frozen: FrozenPart,
  { batch = passing.batch, onProgress, signal, traits }: ExtractOptions = {},
): Promise<Extraction> {
  const { digests, unreadable, stored, ...features } = await fillFeatures(
    paths.map((path) => ({ source: fileImage(path) })),
    cache.features,
    {
      ...{ ...passing, batch, frozen, store: recordsOf(cache), onProgress, signal },
      measures: traits && measuresOf(traits),
    },
  );
  return {
    ...features,
    cached: stored,
    skipped: [...unreadable].map(([item, reason]) => ({ path: paths[item]!, reason })),
    digests: digestsOf(digests),
  };
}

/** The digests by position, without files that could not be opened. */
export const digestsOf = (digests: readonly (string | undefined)[]): ReadonlyMap<number, Buffer> =>
  new Map(
    digests.flatMap((digest, item) => (digest === undefined ? [] : [[item, Buffer.from(digest, "hex")] as const])),
  );
