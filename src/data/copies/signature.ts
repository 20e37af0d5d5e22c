/**
 * An image's signature: two small images by which it is recognised after it was resized, recompressed, mirrored, rotated, cropped or made
 * brighter, and the averaging of areas that makes them. Compares nothing: find-copies.ts does.
 */
import type { RgbImage } from "../image/rgb-image.ts";

/** Averages: `data` is `[height, width, 3]`, RGB, 0 to 255. */
export interface Averages {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** Averages squares of whole pixels, so that the longer side has fewer than 2 × `side` of them; leaves out the remaining pixels at the edges. */
export function blockAverages({ width, height, data }: RgbImage, side: number): Averages {
  const step = Math.max(1, Math.floor(Math.max(width, height) / side));
  const [columns, rows] = [Math.max(1, Math.floor(width / step)), Math.max(1, Math.floor(height / step))];
  const [across, down] = [Math.min(step, width), Math.min(step, height)];
  const averages = new Float32Array(rows * columns * 3);
  const share = 1 / (across * down);
  for (let y = 0; y < rows * down; y++) {
    let from = y * width * 3;
    let to = Math.floor(y / down) * columns * 3;
    for (let column = 0; column < columns; column++, to += 3) {
      let [red, green, blue] = [0, 0, 0];
      for (let x = 0; x < across; x++, from += 3) {
        red += data[from]!;
        green += data[from + 1]!;
        blue += data[from + 2]!;
      }
      averages[to] = averages[to]! + red * share;
      averages[to + 1] = averages[to + 1]! + green * share;
      averages[to + 2] = averages[to + 2]! + blue * share;
    }
  }
  return { width: columns, height: rows, data: averages };
}

/** The whole image as `side × side` averages of equal areas; pixels on a border count in proportion to each side. */
export function squareAverages({ width, height, data }: Averages, side: number): Averages {
  const horizontal = shares(width, side);
  const vertical = Array.from({ length: height }, (): { to: number; share: number }[] => []);
  for (const { from, to, share } of shares(height, side)) vertical[from]!.push({ to, share });
  const averages = new Float32Array(side * side * 3);
  const line = new Float32Array(side * 3);
  for (let y = 0; y < height; y++) {
    line.fill(0);
    for (const { from, to, share } of horizontal) {
      const at = (y * width + from) * 3;
      line[to * 3] = line[to * 3]! + data[at]! * share;
      line[to * 3 + 1] = line[to * 3 + 1]! + data[at + 1]! * share;
      line[to * 3 + 2] = line[to * 3 + 2]! + data[at + 2]! * share;
    }
    for (const { to, share } of vertical[y]!) {
      for (let i = 0; i < line.length; i++)
        averages[to * line.length + i] = averages[to * line.length + i]! + line[i]! * share;
    }
  }
  return { width: side, height: side, data: averages };
}

/** The share of pixel `from` in area `to`, of `count` equal areas along `length` pixels; the shares of an area sum to 1. */
function shares(length: number, count: number): { from: number; to: number; share: number }[] {
  const size = length / count;
  const list: { from: number; to: number; share: number }[] = [];
  for (let to = 0; to < count; to++) {
    for (let from = Math.floor(to * size); from < Math.min(length, Math.ceil((to + 1) * size - 1e-9)); from++) {
      const overlap = Math.min(from + 1, (to + 1) * size) - Math.max(from, to * size);
      if (overlap > 0) list.push({ from, to, share: overlap / size });
    }
  }
  return list;
}

// The signature, computed once when an image is decoded.

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
