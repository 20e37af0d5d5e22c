/** Traits as a record of bytes, for the cache and between threads. */
import { decodeSignature, encodeSignature, SIGNATURE_BYTES } from "../../data/copies/signature.ts";
import type { RgbImage } from "../../data/rgb-image.ts";
import type { ImageFormat } from "../../data/sniff.ts";
import { measureTraits, type Traits } from "../../data/traits/traits.ts";

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
