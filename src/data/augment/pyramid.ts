/**
 * An image at 1/2, 1/4, … of its size, computed on demand: a view that is much smaller than its crop reads from a smaller level, so
 * rendering many views of a large photo costs little more than of a thumbnail.
 */
import type { RgbImage } from "../rgb-image.ts";

/** The image at 1 / 2^`level` of its size: pixel i of level n covers pixels 2ⁿ·i to 2ⁿ·(i + 1) of the image. */
export type Pyramid = (level: number) => RgbImage;

/** The pyramid of an image; level 0 is the image itself. */
export function pyramidOf(image: RgbImage): Pyramid {
  const levels = [image];
  return (level) => {
    while (levels.length <= level) levels.push(halve(levels.at(-1)!));
    return levels[level]!;
  };
}

/**
 * The smallest number of source pixels per pixel of a view. Pillow's `reducing_gap` of `Image.resize`, where 1.5 counts as "fair":
 * the triangle filter hides the box averages.
 */
const GAP = 1.5;

/** The highest level with at least {@link GAP} pixels for each output pixel. */
export const levelFor = (pixelsEach: number): number => Math.max(0, Math.floor(Math.log2(pixelsEach / GAP)));

/** Means of 2 × 2 pixels; at an odd edge, of the pixels that exist. */
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
