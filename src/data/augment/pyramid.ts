/**
 * A large picture in halves, quarters …, made when first asked for: a view much smaller than its crop reads from one of
 * these, so that rendering many views of a photograph costs little more than of a thumbnail.
 */
import type { RgbImage } from "../rgb-image.ts";

/** A picture at 1 / 2^`level` of its size: level n's pixel i covers the picture's 2ⁿ·i to 2ⁿ·(i + 1). */
export type Pyramid = (level: number) => RgbImage;

/** The pyramid of a picture; level 0 is the picture itself. */
export function pyramidOf(image: RgbImage): Pyramid {
  const levels = [image];
  return (level) => {
    while (levels.length <= level) levels.push(halve(levels.at(-1)!));
    return levels[level]!;
  };
}

/**
 * How many source pixels must be left for each pixel of a view. Pillow's `reducing_gap` of `Image.resize`, to which 1.5 is
 * "fair": boxes of a level are not seen through the triangle that follows.
 */
const GAP = 1.5;

/** The highest level that still has {@link GAP} pixels for each one wanted, along both axes. */
export const levelFor = (pixelsEach: number): number => Math.max(0, Math.floor(Math.log2(pixelsEach / GAP)));

/** Means of 2 × 2 pixels; of what there is at an odd edge. */
function halve({ width, height, data }: RgbImage): RgbImage {
  const [narrow, low] = [Math.ceil(width / 2), Math.ceil(height / 2)];
  const half = new Uint8Array(narrow * low * 3);
  let to = 0;
  for (let y = 0; y < low; y++) {
    const upper = 2 * y * width * 3;
    const lower = 2 * y + 1 < height ? upper + width * 3 : upper;
    for (let x = 0; x < narrow; x++) {
      const left = 2 * x * 3;
      const right = 2 * x + 1 < width ? left + 3 : left;
      for (let c = 0; c < 3; c++) {
        const sum =
          data[upper + left + c]! + data[upper + right + c]! + data[lower + left + c]! + data[lower + right + c]!;
        half[to++] = (sum + 2) >> 2;
      }
    }
  }
  return { width: narrow, height: low, data: half };
}
