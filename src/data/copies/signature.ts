/**
 * A picture's signature: two small pictures by which it is known again after it was resized, recompressed, mirrored, turned, cropped
 * or made brighter. Computed once when a picture is decoded; how signatures are compared is said beside this file.
 */
import type { RgbImage } from "../rgb-image.ts";
import { type Averages, blockAverages, squareAverages } from "./average.ts";

/** The sides of a signature's two pictures. */
export const COLOUR_SIDE = 16;
export const DETAIL_SIDE = 64;

export interface Signature {
  /** `[16, 16, 3]` averages of equal areas, RGB. */
  readonly colour: Uint8Array;
  /** `[64, 64]` averages of equal areas, Rec. 601 luma. */
  readonly detail: Uint8Array;
}

const COLOUR_BYTES = COLOUR_SIDE ** 2 * 3;
/** A signature as bytes: its colour, then its detail. */
export const SIGNATURE_BYTES = COLOUR_BYTES + DETAIL_SIDE ** 2;

/** Pictures are measured at this many pixels on the longer side, or up to twice as many. */
const MEASURED_SIDE = 128;

/** A picture made small by averaging, for its signature and whatever else is measured of a whole picture. */
export const smallOf = (image: RgbImage): Averages => blockAverages(image, MEASURED_SIDE);

/** The signature of a picture that {@link smallOf} made small. */
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
