/** Traits as a record of bytes, for the cache and between threads. */

import { availableParallelism } from "node:os";
import { join } from "node:path";
import { cacheFolder } from "../../base/cache-folder.ts";
import { mapAhead } from "../../base/concurrency.ts";
import { readBytes } from "../../base/files.ts";
import { createMeter, type OnProgress } from "../../base/progress.ts";
import { decodeSignature, encodeSignature, SIGNATURE_BYTES } from "../../data/copies/signature.ts";
import { withImage } from "../../data/image/decode.ts";
import type { RgbImage } from "../../data/image/rgb-image.ts";
import type { ImageFormat } from "../../data/image/sniff.ts";
import { measureTraits, type Traits } from "../../data/image/traits.ts";
import type { Measures } from "../environment.ts";
import { openRecordCache } from "./record-files.ts";

const FORMATS: readonly ImageFormat[] = ["jpeg", "png", "gif", "webp", "tiff", "bmp", "avif", "heic"];
const CAMERA_BYTES = 32;
const WHOLE = 4;
const REAL = 8;
export const RECORD_BYTES = 4 * (WHOLE + REAL) + CAMERA_BYTES + SIGNATURE_BYTES;

/** A record: four uint32, eight float32, 32 bytes of camera padded with zeros, the signature. */
export function encodeTraits(traits: Traits): Uint8Array {
  const record = new Uint8Array(RECORD_BYTES);
  const view = new DataView(record.buffer);
  const { border } = traits;
  [traits.width, traits.height, Math.min(traits.bytes, 2 ** 32 - 1), FORMATS.indexOf(traits.format)].forEach(
    (value, i) => {
      view.setUint32(4 * i, value, true);
    },
  );
  [
    ...[traits.brightness, traits.contrast, traits.saturation, traits.sharpness],
    ...[border.red, border.green, border.blue, border.spread],
  ].forEach((value, i) => {
    view.setFloat32(4 * (WHOLE + i), value, true);
  });
  record.set(new TextEncoder().encode(traits.camera ?? "").subarray(0, CAMERA_BYTES), 4 * (WHOLE + REAL));
  record.set(encodeSignature(traits.signature), RECORD_BYTES - SIGNATURE_BYTES);
  return record;
}

export function decodeTraits(record: Uint8Array): Traits {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const whole = (i: number): number => view.getUint32(4 * i, true);
  const real = (i: number): number => view.getFloat32(4 * (WHOLE + i), true);
  const camera = record.subarray(4 * (WHOLE + REAL), RECORD_BYTES - SIGNATURE_BYTES);
  const name = new TextDecoder().decode(camera).replace(/\0+$/, "");
  return {
    width: whole(0),
    height: whole(1),
    bytes: whole(2),
    format: FORMATS[whole(3)] ?? "jpeg",
    camera: name === "" ? undefined : name,
    brightness: real(0),
    contrast: real(1),
    saturation: real(2),
    sharpness: real(3),
    border: { red: real(4), green: real(5), blue: real(6), spread: real(7) },
    signature: decodeSignature(record.subarray(RECORD_BYTES - SIGNATURE_BYTES)),
  };
}

/** Measures an image; `file` are the bytes that it was decoded from. */
export const traitRecordOf = async (image: RgbImage, file: Uint8Array): Promise<Uint8Array> =>
  encodeTraits(await measureTraits(image, file));

// Traits on disk, under the SHA-256 of the image's file, beside the features: an image that was trained on is audited without
// being decoded again.

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
