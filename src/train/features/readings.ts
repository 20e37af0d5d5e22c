/**
 * The features of a network at several cuts and of mirror images, from one pass over the images: kept in a cache a cut and view, read as
 * one table, whose columns reading-of.ts parts again.
 */
import type { Network } from "../../zoo/network.ts";
import { noteAbout } from "./about.ts";
import { type FeatureCache, openFeatureCache } from "./cache.ts";
import { featureFolder } from "./of-network.ts";
import type { ReadCuts } from "./reading-of.ts";
import type { Location } from "./record-store.ts";

/** Opens the caches of a network's features at some cuts, all of them as one. To be closed by the caller. */
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

/** Several caches of the same images as one, whose records are theirs side by side. An image is in it where all have it. */
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

/** Adds what a cache does not have yet: an earlier training may have left the features of one cut. */
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
