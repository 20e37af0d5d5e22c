/**
 * Traits on disk, under the SHA-256 of the image's file, beside the features: an image that was trained on is audited without
 * being decoded again.
 */

import { availableParallelism } from "node:os";
import { join } from "node:path";
import { cacheFolder } from "../../base/cache.ts";
import { mapAhead } from "../../base/concurrency.ts";
import { readBytes } from "../../base/files.ts";
import { createMeter, type OnProgress } from "../../base/progress.ts";
import { withImage } from "../../data/decode.ts";
import type { Traits } from "../../data/traits/traits.ts";
import type { Measures } from "../environment.ts";
import { openRecordCache } from "./records.ts";
import { decodeTraits, RECORD_BYTES, traitRecordOf } from "./trait-record.ts";

export interface TraitCache {
  /** Whether an image was not measured yet. */
  lacks(sha256: Buffer): boolean;
  /** Keeps what was measured of an image that was decoded for another purpose: a record of trait-record.ts. */
  add(sha256: Buffer, record: Uint8Array): void;
  /** The traits of images, in order; those not known yet are read and measured. */
  traitsOf(
    images: readonly { readonly path: string; readonly sha256: Buffer }[],
    options?: { readonly onProgress?: OnProgress | undefined; readonly signal?: AbortSignal | undefined },
  ): Promise<Traits[]>;
  close(): void;
}

/** In the folder's name: another one where traits are measured or written otherwise. */
export const TRAITS_VERSION = 2;

/** The parent of the cache's folders, one a version. */
export const traitCaches = (): string => join(cacheFolder(), "traits");

/** Opens the cache of traits. Throws a GraftError (`work`) where its folder cannot be written. */
export async function openTraitCache(folder = join(traitCaches(), `v${TRAITS_VERSION}`)): Promise<TraitCache> {
  const records = await openRecordCache(folder, RECORD_BYTES);
  const lacks = (sha256: Buffer): boolean => records.find(sha256) === undefined;
  const add = (sha256: Buffer, record: Uint8Array): void => {
    if (lacks(sha256)) records.add([sha256], record);
  };
  return {
    lacks,
    add,
    async traitsOf(images, { onProgress, signal } = {}) {
      const missing = images.filter(({ sha256 }) => lacks(sha256));
      if (missing.length > 0) {
        const meter = createMeter({ stage: "Measuring images", unit: "images", total: missing.length, onProgress });
        const one = async ({ path, sha256 }: (typeof images)[number]): Promise<void> => {
          const file = await readBytes(path);
          await withImage(file, async (image) => add(sha256, await traitRecordOf(image, file)));
        };
        for await (const _ of mapAhead(missing, availableParallelism() + 2, one)) {
          signal?.throwIfAborted();
          meter.add();
        }
      }
      const record = new Uint8Array(RECORD_BYTES);
      return images.map(({ sha256 }) => {
        records.read(records.find(sha256)!, record);
        return decodeTraits(record);
      });
    },
    close: () => records.close(),
  };
}

/** What a fill of records measures of the images that it decodes. */
export const measuresOf = ({ lacks, add }: Pick<TraitCache, "lacks" | "add">): Measures => ({
  lacks: (digest) => lacks(Buffer.from(digest, "hex")),
  measure: (image, file) => traitRecordOf(image, file!),
  add: (digest, record) => add(Buffer.from(digest, "hex"), record),
});
