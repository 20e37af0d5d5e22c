/** Decoded pictures, whoever decoded them: libvips (decode.ts) or a browser. And what sizes of them are taken. */

import { shown } from "../../base/text.ts";

/** Pixels, row by row: `data` is uint8 `[height, width, 3]`, RGB. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/**
 * Why pixels are not those of a picture, with the remedy; nothing where they are. For who hands over pixels instead of a file.
 */
export function pixelFault(image: unknown): string | undefined {
  if (typeof image !== "object" || image === null) return `it is ${shown(image)}: give width, height and data`;
  const { width, height, data } = image as Partial<Record<keyof RgbImage, unknown>>;
  const isSize = (value: unknown): value is number => Number.isInteger(value) && Number(value) >= 1;
  if (!isSize(width) || !isSize(height))
    return `its size is ${shown(width)} × ${shown(height)}: give whole numbers from 1`;
  if (!(data instanceof Uint8Array)) return `its data is ${shown(data)}: give a Uint8Array`;
  if (data.length !== width * height * 3)
    return `${data.length} bytes are not ${width} × ${height} pixels of red, green and blue`;
  return undefined;
}

/** Larger pictures are refused: 100 megapixels. */
export const MAX_PIXELS = 100_000_000;

/** Pictures longer than this many times their width (or the reverse) are refused: fitted to a crop they grow huge. */
export const MAX_ASPECT = 200;

/** Why a picture of this size is not taken, with the remedy; nothing where it is. */
export function sizeFault(
  { width, height }: Pick<RgbImage, "width" | "height">,
  maxPixels: number,
): string | undefined {
  if (width * height > maxPixels) return tooLarge(maxPixels);
  if (Math.max(width, height) > MAX_ASPECT * Math.min(width, height))
    return `at ${width} × ${height} pixels one side is more than ${MAX_ASPECT} times the other, crop it first`;
  return undefined;
}

/** Why a picture of more than `maxPixels` is not read. */
export const tooLarge = (maxPixels: number): string =>
  `it has more than ${maxPixels / 1e6} megapixels, resize it first`;
