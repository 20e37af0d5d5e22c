/**
 * Cached features of the same images that other networks computed earlier, for a second opinion without a pass over the images. Computes
 * nothing; a cache that does not have every image is skipped.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type FeatureCache, featureCaches, openFeatureCache, readAbout } from "./feature-cache.ts";
import { type RowTable, tableOf } from "./feature-table.ts";
import type { Location } from "./images-and-records.ts";
import { recordSizeIn, segmentsIn } from "./segments.ts";

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
 * Finds cached features of other networks that include every image: one cut per network, in the order of their names. The caller closes
 * them.
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
