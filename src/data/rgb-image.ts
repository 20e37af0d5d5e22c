/** Decoded pictures, whoever decoded them: libvips (decode.ts) or a browser. And what sizes of them are taken. */

/** Pixels, row by row: `data` is uint8 `[height, width, 3]`, RGB. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
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
