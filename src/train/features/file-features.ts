/** Images of files, for a training in Node. */
import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { readBytes } from "../../base/files.ts";
import { withImage } from "../../data/image/decode.ts";
import type { Listening, Passing } from "../environment.ts";
import { type Features, type FrozenPart, fillFeatures } from "../frozen.ts";
import { type FeatureCache, recordsOf } from "./feature-cache.ts";
import type { ImageSource, KnownImage } from "./images-and-records.ts";
import { measuresOf, type TraitCache } from "./trait-cache.ts";

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

/** A file whose SHA-256 is known. */
export const knownFile = (path: string, sha256: Buffer): KnownImage => ({
  source: fileImage(path),
  digest: sha256.toString("hex"),
});

export const passing: Passing = {
  // Part of the key of stored boundaries: what comes out may differ in the last bit with it.
  batch: 16,
  loadsAhead: availableParallelism() + 2,
  runsAhead: 2,
  pause: async () => {},
};

// Files → features, for those who have paths and a cache of features: frozen.ts, with files for images.

/** An image that could not be used, and why. */
export interface Skipped {
  readonly path: string;
  readonly reason: string;
}

/** The features of a list of images. */
export interface Extraction extends Omit<Features, "digests" | "unreadable" | "stored"> {
  readonly skipped: readonly Skipped[];
  /** SHA-256 of each image's file, by its position in the list; nothing for files that could not be opened. */
  readonly digests: ReadonlyMap<number, Buffer>;
  /** Images whose features the cache already had. */
  readonly cached: number;
}

export interface ExtractOptions extends Listening {
  /** Images a run of the backbone in this thread. Default 16. */
  readonly batch?: number | undefined;
  /** Where the traits of images are kept that are decoded anyway, so that they are not decoded again. */
  readonly traits?: Pick<TraitCache, "lacks" | "add"> | undefined;
}

/** Computes, or finds in the cache, the features of every image in `paths`. */
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

/** By position; nothing for files that could not be opened. */
export const digestsOf = (digests: readonly (string | undefined)[]): ReadonlyMap<number, Buffer> =>
  new Map(
    digests.flatMap((digest, item) => (digest === undefined ? [] : [[item, Buffer.from(digest, "hex")] as const])),
  );
