/**
 * Features on disk, so that no image goes through the same backbone twice: records of float32, each under the SHA-256 of
 * its image file. A folder a (network, cut, preprocessing).
 */
import type { Location, RecordStore } from "./record-store.ts";
import { openRecordCache } from "./records.ts";

export interface FeatureCache {
  readonly features: number;
  find(sha256: Buffer): Location | undefined;
  /** Appends features `[count, features]` for as many images; they can be found at once. */
  add(keys: readonly Buffer[], values: Float32Array): Location[];
  read(at: Location, into: Float32Array): void;
  close(): void;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float32Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

/**
 * Opens the cache in `folder`, made where it is missing. Damaged or half-written records are passed over:
 * their features are computed again.
 *
 * @throws GraftError (`work`) where the folder cannot be written
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

/** A cache of features as a store of records; of each image, it has one. */
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
