/**
 * An image's signature: two small images by which it is recognised after it was resized, recompressed, mirrored, rotated, cropped or
 * made brighter. Computed once when an image is decoded. The files beside this one compare signatures.
 */
import type { RgbImage } from "../rgb-image.ts";
import { type Averages, blockAverages, squareAverages } from "./average.ts";

/** The sides of a signature's two images. */
export const COLOUR_SIDE = 16;
export const DETAIL_SIDE = 64;

export interface Signature {
  /** `[16, 16, 3]` averages of equal areas, RGB. */
  readonly colour: Uint8Array;
  /** `[64, 64]` averages of equal areas, Rec. 601 luma. */
  readonly detail: Uint8Array;
}

const COLOUR_BYTES = COLOUR_SIDE ** 2 * 3;
/** The size of an encoded signature: its colour, then its detail. */
export const SIGNATURE_BYTES = COLOUR_BYTES + DETAIL_SIDE ** 2;

/** Images are measured at this many pixels on the longer side, or up to twice as many. */
const MEASURED_SIDE = 128;

/** An image scaled down by averaging, for its signature and other measurements of whole images. */
export const smallOf = (image: RgbImage): Averages => blockAverages(image, MEASURED_SIDE);

/** The signature of an image that {@link smallOf} scaled down. */
export function signatureOf(small: Averages): Signature {
  const { data } = squareAverages(small, DETAIL_SIDE);
  const detail = Uint8Array.from({ length: DETAIL_SIDE ** 2 }, (_, i) =>
    Math.round(0.299 * data[3 * i]! + 0.587 * data[3 * i + 1]! + 0.114 * data[3 * i + 2]!),
  );
  return { colour: Uint8Array.from(squareAverages(small, COLOUR_SIDE).data, Math.round), detail };
}

export function encodeSignature({ colour, detail }: Signature): Uint8Array {
  const bytes = new Uint8Array(SIGNATURE_BYTES);
  bytes.set(colour);
  bytes.set(detail, COLOUR_BYTES);
  return bytes;
}

export const decodeSignature = (bytes: Uint8Array): Signature => ({
  colour: bytes.slice(0, COLOUR_BYTES),
  detail: bytes.slice(COLOUR_BYTES, SIGNATURE_BYTES),
});
