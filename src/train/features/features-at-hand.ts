/**
 * The features of image files on disk: computed for a list of paths, or found in the caches of other networks that have every image. The loop
 * over images is in frozen.ts.
 */

import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { readBytes } from "../../base/files.ts";
import { withImage } from "../../data/image/decode.ts";
import type { Listening, Passing } from "../environment.ts";
import { type Features, type FrozenPart, fillFeatures } from "../frozen.ts";
import { type FeatureCache, featureCaches, openFeatureCache, readAbout, recordsOf } from "./feature-cache.ts";
import { type RowTable, tableOf } from "./feature-table.ts";
import type { ImageSource, KnownImage, Location } from "./images-and-records.ts";
import { recordSizeIn, segmentsIn } from "./segments.ts";
import { measuresOf, type TraitCache } from "./trait-cache.ts";

/** Another network's cached features of every image. */
export interface FeaturesAtHand {
  /** The name of the network. */
  readonly name: string;
  /** `[N, D]` */
  readonly table: RowTable;
  close(): void;
}

/** Larger caches are not opened, because opening one reads it. */
const MOST_BYTES = 1 << 30;
/** The note of features of a network, such as `resnet50 at activation_49`; notes of mirror images do not match. */
const NOTE = /^(?!mirror images, )(.+) at [^ ]+$/;

/**
 * Finds cached features of other networks that include every image: one cut per network, in the order of their names. A second opinion
 * without a pass over the images: computes nothing. The caller closes them.
 *
 * @param digests SHA-256 of each image's file
 * @param except the network to leave out
 * @param most maximum number of networks
 */
export async function featuresAtHand(
  digests: readonly Buffer[],
  { except, most }: { readonly except: string; readonly most: number },
): Promise<readonly FeaturesAtHand[]> {
  const folders = await readdir(featureCaches()).catch(() => []);
  const notes = await Promise.all(
    folders.map(async (name) => {
      const folder = join(featureCaches(), name);
      return { folder, network: NOTE.exec((await readAbout(folder)) ?? "")?.[1] };
    }),
  );
  const found: FeaturesAtHand[] = [];
  for (const { folder, network } of notes.sort((a, b) =>
    `${a.network}/${a.folder}` < `${b.network}/${b.folder}` ? -1 : 1,
  )) {
    if (network === undefined || network === except || found.some(({ name }) => name === network)) continue;
    if (found.length === most) break;
    const one = await readWhole(folder, digests);
    if (one) found.push({ name: network, ...one });
  }
  return found;
}

async function readWhole(
  folder: string,
  digests: readonly Buffer[],
): Promise<Omit<FeaturesAtHand, "name"> | undefined> {
  const segments = (await segmentsIn(folder)).filter(({ isFile }) => isFile);
  if (segments.reduce((sum, { bytes }) => sum + bytes, 0) > MOST_BYTES) return undefined;
  const size = segments.map(({ path }) => recordSizeIn(path)).find((one) => one !== undefined);
  if (size === undefined || size % 4 !== 0) return undefined;
  const cache = await openFeatureCache(folder, size / 4);
  const locations = locationsIn(cache, digests);
  if (!locations) {
    cache.close();
    return undefined;
  }
  return {
    table: tableOf(locations.length, cache.features, (row, into) => cache.read(locations[row]!, into)),
    close: cache.close,
  };
}

function locationsIn(cache: FeatureCache, digests: readonly Buffer[]): Location[] | undefined {
  const locations: Location[] = [];
  for (const digest of digests) {
    const at = cache.find(digest);
    if (!at) return undefined;
    locations.push(at);
  }
  return locations;
}

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
