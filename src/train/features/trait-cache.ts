/**
 * Traits on disk, under the SHA-256 of the picture's file, beside the features: a picture that was trained on is audited without
 * being decoded again.
 */

import { availableParallelism } from "node:os";
import { join } from "node:path";
import { cacheFolder } from "../../base/cache.ts";
import { mapAhead } from "../../base/concurrency.ts";
import { readBytes } from "../../base/files.ts";
import { createMeter, type OnProgress } from "../../base/progress.ts";
import { decodeSignature, encodeSignature, SIGNATURE_BYTES } from "../../data/copies/signature.ts";
import { withImage } from "../../data/decode.ts";
import type { ImageFormat } from "../../data/sniff.ts";
import { measureTraits, type Traits } from "../../data/traits/traits.ts";
import type { OnDecoded } from "./extract.ts";
import { openRecordCache } from "./records.ts";

export interface TraitCache {
  /** Measures a picture as it is decoded for another purpose, unless it was measured before. */
  readonly onDecoded: OnDecoded;
  /** The traits of pictures, in order; those not known yet are read and measured. */
  traitsOf(
    pictures: readonly { readonly path: string; readonly sha256: Buffer }[],
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
  const measure: OnDecoded = async (image, sha256, file) => {
    if (records.find(sha256)) return;
    const traits = await measureTraits(image, file);
    records.add([sha256], encodeTraits(traits));
  };
  return {
    onDecoded: measure,
    async traitsOf(pictures, { onProgress, signal } = {}) {
      const missing = pictures.filter(({ sha256 }) => !records.find(sha256));
      if (missing.length > 0) {
        const meter = createMeter({ stage: "Measuring pictures", unit: "images", total: missing.length, onProgress });
        const one = async ({ path, sha256 }: (typeof pictures)[number]): Promise<void> => {
          const file = await readBytes(path);
          await withImage(file, (image) => measure(image, sha256, file));
        };
        for await (const _ of mapAhead(missing, availableParallelism() + 2, one)) {
          signal?.throwIfAborted();
          meter.add();
        }
      }
      const record = new Uint8Array(RECORD_BYTES);
      return pictures.map(({ sha256 }) => {
        records.read(records.find(sha256)!, record);
        return decodeTraits(record);
      });
    },
    close: () => records.close(),
  };
}

const FORMATS: readonly ImageFormat[] = ["jpeg", "png", "gif", "webp", "tiff", "bmp", "avif", "heic"];
const CAMERA_BYTES = 32;
const WHOLE = 4;
const REAL = 8;
const RECORD_BYTES = 4 * (WHOLE + REAL) + CAMERA_BYTES + SIGNATURE_BYTES;

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
