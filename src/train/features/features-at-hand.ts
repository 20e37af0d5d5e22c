/**
 * Features of the same images that other networks computed before and the cache still has: for second opinions that cost no pass over the
 * images. Nothing is computed here, and a cache without every image is left alone.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { type FeatureCache, featureCaches, openFeatureCache, readAbout } from "./feature-cache.ts";
import { type RowTable, tableOf } from "./feature-table.ts";
import type { Location } from "./images-and-records.ts";
import { recordSizeIn, segmentsIn } from "./segments.ts";

/** A network's features of every image. */
export interface FeaturesAtHand {
  /** The network. */
  readonly name: string;
  /** `[N, D]` */
  readonly table: RowTable;
  close(): void;
}

/** Caches larger than this are not opened: to open one is to read it. */
const MOST_BYTES = 1 << 30;
/** How a note names a network's own features: `resnet50 at activation_49`. Those of mirror images begin otherwise. */
const NOTE = /^(?!mirror images, )(.+) at [^ ]+$/;

/**
 * The features of other networks that hold every image, one cut a network, in the order of their names. To be closed by the caller.
 *
 * @param digests SHA-256 of each image's file
 * @param except the network that is not another
 * @param most networks, at most
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
