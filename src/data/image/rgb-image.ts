/** Decoded images and the sizes that are accepted. Decodes nothing: that is the task of decode.ts, or of a browser. */

import { shown } from "../../base/text.ts";

/** Pixels, row by row: `data` is uint8 `[height, width, 3]`, RGB. */
export interface RgbImage {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** Why a value is not an image's pixels, with the remedy; undefined if it is. For callers that give pixels instead of a file. */
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

/** Larger images are refused: 100 megapixels. */
export const MAX_PIXELS = 100_000_000;

/** Images longer than this many times their width (or the reverse) are refused: resized to fill a crop, they become huge. */
export const MAX_ASPECT = 200;

/** Why an image of this size is refused, with the remedy; undefined if it is accepted. */
export function sizeFault(
  { width, height }: Pick<RgbImage, "width" | "height">,
  maxPixels: number,
): string | undefined {
  if (width * height > maxPixels) return tooLarge(maxPixels);
  if (Math.max(width, height) > MAX_ASPECT * Math.min(width, height))
    return `at ${width} × ${height} pixels one side is more than ${MAX_ASPECT} times the other, crop it first`;
  return undefined;
}

/** Why an image of more than `maxPixels` is refused. */
export const tooLarge = (maxPixels: number): string =>
  `it has more than ${maxPixels / 1e6} megapixels, resize it first`;
