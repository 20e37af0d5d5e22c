/**
 * Features on disk, so that no image passes through the same backbone twice: one folder of float32 records per network, cut and preprocessing,
 * each record under the SHA-256 of its image file. Also stores the measured cuts of a network, and a note for people in each folder. Computes
 * no features.
 */
import { join } from "node:path";
import * as v from "valibot";
import { cacheFolder } from "../../base/cache-folder.ts";
import { sha256 } from "../../base/files.ts";
import { inspectSealedJson, readSealedJson, writeSealedJson } from "../../base/sealed.ts";
import {
  type Cut,
  type CutShape,
  measureCut,
  measureCuts,
  preparationModel,
} from "../../networks/backbone/backbone.ts";
import { type Pooling, poolings } from "../../networks/backbone/pooling.ts";
import type { Network } from "../../networks/network.ts";
import type { ReadCuts } from "./feature-table.ts";
import type { Location, RecordStore } from "./images-and-records.ts";
import { openRecordCache } from "./record-files.ts";

const NOTE = "about.json";
const schema = v.object({ about: v.string() });

/** Reads a folder's note: which network and cut its records are of. Undefined without a note. */
export async function readAbout(folder: string): Promise<string | undefined> {
  const found = await inspectSealedJson(join(folder, NOTE), schema).catch(() => undefined);
  return found?.kind === "whole" ? found.value.about : undefined;
}

/** Writes a folder's note if it is not there yet. On a read-only disk there is no note. */
export async function noteAbout(folder: string, about: string): Promise<void> {
  if ((await readAbout(folder)) === about) return;
  await writeSealedJson(join(folder, NOTE), { about }).catch(() => {});
}

export interface FeatureCache {
  readonly features: number;
  find(sha256: Buffer): Location | undefined;
  /** Appends features `[count, features]` of as many images; `find` returns them immediately. */
  add(keys: readonly Buffer[], values: Float32Array): Location[];
  read(at: Location, into: Float32Array): void;
  close(): void;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/**
 * Opens the cache in `folder`, which is created if it is missing. Damaged or incomplete records are skipped: their features are computed
 * again.
 *
 * @throws GraftError (`work`) if the folder cannot be written
 */
export async function openFeatureCache(folder: string, features: number): Promise<FeatureCache> {
  const records = await openRecordCache(folder, features * 4);
  return {
    features,
    find: records.find,
    add: (keys, values) => records.add(keys, bytesOf(values)),
    read: (at, into) => records.read(at, bytesOf(into)),
    close: records.close,
  };
}

/** A cache of features as a record store with one record per image. */
export const recordsOf = (cache: FeatureCache): RecordStore => ({
  find: ({ digest }) => cache.find(Buffer.from(digest, "hex")),
  add: (keys, values) =>
    cache.add(
      keys.map(({ digest }) => Buffer.from(digest, "hex")),
      floatsOf(values),
    ),
  read: (at, into) => cache.read(at, floatsOf(into)),
  close: cache.close,
});

const floatsOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Float32Array =>
  new Float32Array(buffer, byteOffset, byteLength / 4);

// Where the features of a network are stored.

/** The file with the shape at the cut, beside the features. */
export const SHAPE = "cut.json";

/** Opens the cache of a network's features, with the shape at its cut. The caller closes it. */
export async function openFeaturesOf(network: Network): Promise<{ shape: CutShape; cache: FeatureCache }> {
  const folder = featureFolder(network);
  const shape = await rememberedShape(network, folder);
  const cache = await openFeatureCache(folder, shape.features);
  await noteAbout(folder, `${network.name} at ${network.cut}`);
  return { shape, cache };
}

/** The parent of all feature caches. */
export const featureCaches = (): string => join(cacheFolder(), "features");

/**
 * The cache folder of a network, cut and preprocessing; the preprocessing is identified by its graph, so that any change of it counts.
 *
 * @param view whether the features are of the images or of their mirror images
 */
export function featureFolder(
  { sha256: weights, cut, preprocessing }: Pick<Network, "sha256" | "cut" | "preprocessing">,
  view: "plain" | "mirror" = "plain",
): string {
  const key = [weights, cut, sha256(preparationModel(preprocessing)), ...(view === "mirror" ? [view] : [])];
  return join(featureCaches(), sha256(JSON.stringify(key)).slice(0, 32));
}

const shapeEntries = {
  pooling: v.picklist(Object.keys(poolings) as Pooling[]),
  features: v.pipe(v.number(), v.integer(), v.minValue(1)),
  why: v.exactOptional(v.string()),
};

const shapeSchema: v.GenericSchema<unknown, CutShape> = v.object(shapeEntries);

/** A network's other cuts are stored with the shape of its own, and with the list of cuts that the network declared. */
const cutsSchema = v.object({
  ...shapeEntries,
  listed: v.nullable(v.array(v.string())),
  others: v.array(v.object({ tensor: v.string(), shape: shapeSchema })),
});

const subjectOf = ({ name }: Network): string => `The stored cut of ${name}`;

/** The shape at the cut, measured once and stored beside the features. */
async function rememberedShape(network: Network, folder: string): Promise<CutShape> {
  const path = join(folder, SHAPE);
  const known = await readSealedJson(path, shapeSchema, subjectOf(network));
  if (known) return known;
  const shape = await measureCut(network);
  await writeSealedJson(path, shape);
  return shape;
}

/** A network's own cut, then its other possible cuts ({@link measureCuts}), measured once and stored beside the features. */
export async function rememberedCuts(network: Network): Promise<readonly [Cut, ...Cut[]]> {
  const path = join(featureFolder(network), SHAPE);
  const listed = network.cuts ?? null;
  const known = await readSealedJson(path, cutsSchema, subjectOf(network));
  if (known && JSON.stringify(known.listed) === JSON.stringify(listed)) {
    const { others, listed: _, ...shape } = known;
    return [{ tensor: network.cut, shape }, ...others];
  }
  const { own, others } = await measureCuts(network);
  await writeSealedJson(path, { ...own.shape, listed, others });
  return [own, ...others];
}

// Features at several cuts and of mirror images, from one pass over the images: stored in one cache per cut and view, and read as one table,
// which readingOf (feature-table.ts) divides again.

/** Opens the caches of a network's features at some cuts, joined as one. The caller closes it. */
export async function openReadings(network: Network, { cuts, mirrors }: ReadCuts): Promise<FeatureCache> {
  const caches: FeatureCache[] = [];
  const views = mirrors ? (["plain", "mirror"] as const) : (["plain"] as const);
  try {
    for (const view of views) {
      for (const { tensor, shape } of cuts) {
        const folder = featureFolder({ ...network, cut: tensor }, view);
        caches.push(await openFeatureCache(folder, shape.features));
        const of = view === "mirror" ? "mirror images, " : "";
        await noteAbout(folder, `${of}${network.name} at ${tensor}`);
      }
    }
  } catch (error) {
    for (const cache of caches) cache.close();
    throw error;
  }
  return caches.length === 1 ? caches[0]! : jointCache(caches);
}

/** Joins several caches of the same images: a record is their records side by side. An image is in it if it is in all of them. */
export function jointCache(caches: readonly FeatureCache[]): FeatureCache {
  const features = caches.reduce((sum, cache) => sum + cache.features, 0);
  const firsts = caches.map((_, i) => caches.slice(0, i).reduce((sum, cache) => sum + cache.features, 0));
  const found: (readonly Location[])[] = [];
  const located = (at: readonly Location[]): Location => ({ file: 0, offset: found.push(at) - 1 });
  return {
    features,
    find(sha256) {
      const at = caches.flatMap((cache) => cache.find(sha256) ?? []);
      return at.length === caches.length ? located(at) : undefined;
    },
    add(keys, values) {
      const columns = caches.map((cache, i) => {
        const own = new Float32Array(keys.length * cache.features);
        for (let row = 0; row < keys.length; row++) {
          const from = row * features + firsts[i]!;
          own.set(values.subarray(from, from + cache.features), row * cache.features);
        }
        return own;
      });
      const at = caches.map((cache, i) => addMissing(cache, keys, columns[i]!));
      return keys.map((_, row) => located(at.map((locations) => locations[row]!)));
    },
    read({ offset }, into) {
      found[offset]!.forEach((at, i) => {
        caches[i]!.read(at, into.subarray(firsts[i]!, firsts[i]! + caches[i]!.features));
      });
    },
    close() {
      for (const cache of caches) cache.close();
    },
  };
}

/** Adds what a cache does not have yet: an earlier training may have stored the features of one cut. */
function addMissing(cache: FeatureCache, keys: readonly Buffer[], values: Float32Array): Location[] {
  const known = keys.map((key) => cache.find(key));
  const missing = keys.flatMap((_, row) => (known[row] ? [] : [row]));
  const fresh = new Float32Array(missing.length * cache.features);
  missing.forEach((row, i) => {
    fresh.set(values.subarray(row * cache.features, (row + 1) * cache.features), i * cache.features);
  });
  const added =
    missing.length > 0
      ? cache.add(
          missing.map((row) => keys[row]!),
          fresh,
        )
      : [];
  return keys.map((_, row) => known[row] ?? added[missing.indexOf(row)]!);
}
