/**
 * Crops and resizes images to rasters of floating-point pixels, so that nothing is rounded between the steps to a view. Large images are
 * first halved by a pyramid. Changes no colours.
 */
import type { RgbImage } from "../rgb-image.ts";

/** `data` is float32 `[height, width, 3]`, RGB, 0 to 255. */
export interface Raster {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

export type Colour = readonly [red: number, green: number, blue: number];

/** The mean of each channel. */
export function meanColour({ data }: Raster): Colour {
  let red = 0;
  let green = 0;
  let blue = 0;
  for (let i = 0; i < data.length; i += 3) {
    red += data[i]!;
    green += data[i + 1]!;
    blue += data[i + 2]!;
  }
  const pixels = data.length / 3;
  return [red / pixels, green / pixels, blue / pixels];
}

/** Rounds values from 0 to 255 to 8 bits, halves upwards. */
export function toBytes({ data }: Raster): Uint8Array {
  const bytes = new Uint8Array(data.length);
  for (let i = 0; i < data.length; i++) bytes[i] = data[i]! + 0.5;
  return bytes;
}

// The pyramid: an image at 1/2, 1/4, … of its size, computed on demand. A view that is much smaller than its crop reads from a smaller
// level, so many views of a large image cost little more than those of a thumbnail.

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

// Crops and resizes in one step, with antialiasing: Pillow's `Image.resize(size, BILINEAR, box=crop)`, but without rounding between
// the two passes. Source: Pillow's `Resample.c` (a triangle filter as wide as two of the larger pixels).

/** The output pixels along one axis, in pixels of the image: pixel i covers `from + i × step` to `from + (i + 1) × step`. */
export interface Axis {
  readonly from: number;
  readonly step: number;
  /** The first output pixel, which may be negative, and the number of them. */
  readonly first: number;
  readonly count: number;
}

/** The source pixels of each output pixel: `taps` pixels from `starts[i]` on, with the weights `weights[i × taps …]`. */
interface Kernel {
  readonly taps: number;
  readonly starts: Int32Array;
  readonly weights: Float32Array;
}

function kernelOf({ from, step, first, count }: Axis, length: number): Kernel {
  const reach = Math.max(1, step);
  // ⌊x + w⌋ − ⌊x⌋ is at most ⌈w⌉.
  const taps = Math.min(length, Math.ceil(2 * reach));
  const starts = new Int32Array(count);
  const weights = new Float32Array(count * taps);
  for (let i = 0; i < count; i++) {
    const centre = from + (first + i + 0.5) * step;
    const lowest = Math.max(0, Math.floor(centre - reach + 0.5));
    const start = Math.min(lowest, length - taps);
    const end = Math.min(start + taps, Math.floor(centre + reach + 0.5));
    let sum = 0;
    for (let at = lowest; at < end; at++) {
      const weight = Math.max(0, 1 - Math.abs(at + 0.5 - centre) / reach);
      weights[i * taps + at - start] = weight;
      sum += weight;
    }
    for (let tap = 0; tap < taps; tap++) weights[i * taps + tap]! /= sum;
    starts[i] = start;
  }
  return { taps, starts, weights };
}

/**
 * Resamples part of an image.
 *
 * @param across, down the centre of every output pixel must be inside the image
 * @param mirror whether to reverse the pixels of each row
 */
export function resample(image: RgbImage, across: Axis, down: Axis, mirror = false): Raster {
  const columns = kernelOf(across, image.width);
  const rows = kernelOf(down, image.height);
  const top = rows.starts[0]!;
  const bottom = rows.starts[down.count - 1]! + rows.taps;
  const narrow = resampleRows(image, top, bottom, columns, mirror);
  const stride = across.count * 3;
  const data = new Float32Array(down.count * stride);
  for (let y = 0; y < down.count; y++) {
    const into = data.subarray(y * stride, (y + 1) * stride);
    for (let tap = 0; tap < rows.taps; tap++) {
      const weight = rows.weights[y * rows.taps + tap]!;
      if (weight === 0) continue;
      const row = (rows.starts[y]! - top + tap) * stride;
      for (let i = 0; i < stride; i++) into[i]! += weight * narrow[row + i]!;
    }
  }
  return { width: across.count, height: down.count, data };
}

/** The rows `top` to `bottom` of the image, resized to the width of the output. */
function resampleRows(image: RgbImage, top: number, bottom: number, kernel: Kernel, mirror: boolean): Float32Array {
  const { taps, starts, weights } = kernel;
  const count = starts.length;
  const source = image.data;
  const narrow = new Float32Array((bottom - top) * count * 3);
  for (let y = top, row = 0; y < bottom; y++, row += count * 3) {
    const line = y * image.width * 3;
    for (let x = 0; x < count; x++) {
      let red = 0;
      let green = 0;
      let blue = 0;
      let at = line + starts[x]! * 3;
      for (let i = x * taps, end = i + taps; i < end; i++, at += 3) {
        const weight = weights[i]!;
        red += weight * source[at]!;
        green += weight * source[at + 1]!;
        blue += weight * source[at + 2]!;
      }
      const to = row + (mirror ? count - 1 - x : x) * 3;
      narrow[to] = red;
      narrow[to + 1] = green;
      narrow[to + 2] = blue;
    }
  }
  return narrow;
}
