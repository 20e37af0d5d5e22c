/**
 * Traits of images on disk, under the SHA-256 of the image file: an image that was trained on is audited without decoding it again. Encodes
 * traits as records, also for use between threads. What the traits are is in data/image/traits.ts.
 */

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
const INTEGERS = 4;
const FLOATS = 8;
export const RECORD_BYTES = 4 * (INTEGERS + FLOATS) + CAMERA_BYTES + SIGNATURE_BYTES;

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
    view.setFloat32(4 * (INTEGERS + i), value, true);
  });
  record.set(new TextEncoder().encode(traits.camera ?? "").subarray(0, CAMERA_BYTES), 4 * (INTEGERS + FLOATS));
  record.set(encodeSignature(traits.signature), RECORD_BYTES - SIGNATURE_BYTES);
  return record;
}

export function decodeTraits(record: Uint8Array): Traits {
  const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const integer = (i: number): number => view.getUint32(4 * i, true);
  const float = (i: number): number => view.getFloat32(4 * (INTEGERS + i), true);
  const camera = record.subarray(4 * (INTEGERS + FLOATS), RECORD_BYTES - SIGNATURE_BYTES);
  const name = new TextDecoder().decode(camera).replace(/\0+$/, "");
  return {
    width: integer(0),
    height: integer(1),
    bytes: integer(2),
    format: FORMATS[integer(3)] ?? "jpeg",
    camera: name === "" ? undefined : name,
    brightness: float(0),
    contrast: float(1),
    saturation: float(2),
    sharpness: float(3),
    border: { red: float(4), green: float(5), blue: float(6), spread: float(7) },
    signature: decodeSignature(record.subarray(RECORD_BYTES - SIGNATURE_BYTES)),
  };
}

/** Measures an image; `file` are the bytes that it was decoded from. */
export const traitRecordOf = async (image: RgbImage, file: Uint8Array): Promise<Uint8Array> =>
  encodeTraits(await measureTraits(image, file));

export interface TraitCache {
  /** Whether an image has not been measured yet. */
  lacks(sha256: Buffer): boolean;
  /** Stores a record ({@link encodeTraits}) of an image that was decoded for another purpose. */
  add(sha256: Buffer, record: Uint8Array): void;
  /** The traits of images, in order; images without traits are read and measured. */
  traitsOf(
    images: readonly { readonly path: string; readonly sha256: Buffer }[],
    options?: { readonly onProgress?: OnProgress | undefined; readonly signal?: AbortSignal | undefined },
  ): Promise<Traits[]>;
  close(): void;
}

/** Part of the folder's name; changes whenever the measurement or the encoding changes. */
export const TRAITS_VERSION = 2;

/** The parent of the cache's folders, one per version. */
export const traitCaches = (): string => join(cacheFolder(), "traits");

/** Opens the cache of traits. Throws GraftError (`work`) if its folder cannot be written. */
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

/** The cache as measures for `fill` (fill-records.ts), which decodes the images anyway. */
export const measuresOf = ({ lacks, add }: Pick<TraitCache, "lacks" | "add">): Measures => ({
  lacks: (digest) => lacks(Buffer.from(digest, "hex")),
  measure: (image, file) => traitRecordOf(image, file!),
  add: (digest, record) => add(Buffer.from(digest, "hex"), record),
});
