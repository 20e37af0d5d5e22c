/**
 * Decodes image files to upright 8-bit sRGB pixels, inspects them without decoding, and makes thumbnails for reports. Estimates the
 * memory first, so that all images that are decoded at once share one memory budget. Does not resize images for networks.
 */

import { stat } from "node:fs/promises";
import sharp, { type Sharp } from "sharp";
import * as v from "valibot";
import { type Budget, once } from "../../base/concurrency.ts";
import { readBytes } from "../../base/files.ts";
import { above, checkedArgument } from "../../base/option-schemas.ts";
import { readFailure } from "../../base/system-errors.ts";
import { decodeBmp } from "./bmp.ts";
import {
  checkSize,
  damage,
  type Fail,
  failFor,
  formatOf,
  type ImageHeader,
  limitsOf,
  processMemory,
  readHeader,
} from "./image-header.ts";
import { partsOf } from "./image-parts.ts";
import { MAX_PIXELS, type RgbImage } from "./rgb-image.ts";
import { decodeSmallJpeg, MAX_SMALL_BYTES, smallJpegSize } from "./small-jpeg.ts";
import { sniffFile } from "./sniff.ts";

export type { RgbImage } from "./rgb-image.ts";

// Every image is decoded only once: a cache would only hold memory.
sharp.cache(false);

const imageSource = v.custom<string | Uint8Array>(
  (value) => (typeof value === "string" && value !== "") || value instanceof Uint8Array,
  "the path or the bytes of an image file",
);
const pixelLimit = above(0);

export interface DecodeOptions {
  /** Refuses larger images before decoding; default 100 megapixels. */
  readonly maxPixels?: number | undefined;
  /**
   * The memory budget that images share from the start of decoding to the end of their use. An image that takes more than all of
   * it is refused. Default: that of the process, 1 GB or `GRAFT_DECODE_MEMORY`.
   */
  readonly memory?: Budget | undefined;
  /** If aborted, an image whose decoding has not started is not decoded. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Decodes an image: applies the EXIF orientation, composites alpha over white, and converts greyscale, palettes, CMYK, 16 bits and
 * embedded colour profiles to sRGB. Of an animation it decodes the first frame, of a TIFF the first page.
 *
 * @param source a path, or the bytes of a file
 * @param maxPixels refuses larger images before decoding
 * @throws GraftError (`data`) that names the file and the reason; (`usage`) if the source is neither a path nor bytes
 */
export async function decodeImage(source: string | Uint8Array, maxPixels = MAX_PIXELS): Promise<RgbImage> {
  checkedArgument(imageSource, source, "The first argument of decodeImage");
  checkedArgument(pixelLimit, maxPixels, "The second argument of decodeImage");
  return withImage(source, (image) => image, { maxPixels });
}

/**
 * Decodes an image and calls `use` with it. Its memory is charged until `use` is done, so that many images can be decoded ahead.
 * `use` must not wait for another image, directly or through a reader that decodes in order: two could wait for each other.
 *
 * @throws what {@link decodeImage} and `use` throw
 */
export async function withImage<T>(
  source: string | Uint8Array,
  use: (image: RgbImage) => T | Promise<T>,
  options: DecodeOptions = {},
): Promise<T> {
  const { image, release } = await holdImage(source, options);
  try {
    return await use(image);
  } finally {
    release();
  }
}

/**
 * The bytes that {@link withImage} charges for an image, without decoding it.
 *
 * @throws GraftError (`data`) if the image would be refused
 */
export async function memoryToDecode(bytes: Uint8Array, options: DecodeOptions = {}): Promise<number> {
  const fail = failFor("the image");
  const small = formatOf(bytes, fail) === "jpeg" && bytes.length <= MAX_SMALL_BYTES ? smallJpegSize(bytes) : undefined;
  if (small) return small.width * small.height * 3;
  return (await readHeader(bytes, fail, limitsOf(options))).memoryBytes;
}

/** An image whose memory is charged until `release` is called. */
export interface HeldImage {
  readonly image: RgbImage;
  release(): void;
}

/** Like {@link withImage}, for callers that cannot use the image within one function. */
export async function holdImage(source: string | Uint8Array, options: DecodeOptions = {}): Promise<HeldImage> {
  const { maxPixels = MAX_PIXELS, memory = processMemory() } = options;
  const fail = failFor(typeof source === "string" ? source : "the image");
  const bytes = typeof source === "string" ? await readWhole(source, fail) : source;
  const image = await decodeSmall(bytes, fail);
  if (image) {
    checkSize(image, fail, maxPixels);
    await memory.wait(image.data.length, options.signal);
    return { image, release: once(() => memory.give(image.data.length)) };
  }
  const { format, memoryBytes } = await readHeader(bytes, fail, limitsOf(options));
  await memory.wait(memoryBytes, options.signal);
  try {
    const decoded = format === "bmp" ? decodeBmp(bytes, fail, maxPixels) : await decodeBySharp(bytes, fail, maxPixels);
    checkSize(decoded, fail, maxPixels);
    const held = Math.min(decoded.data.length, memoryBytes);
    memory.give(memoryBytes - held);
    return { image: decoded, release: once(() => memory.give(held)) };
  } catch (error) {
    memory.give(memoryBytes);
    throw error;
  }
}

/**
 * Opens an image file in libvips within the same limits, for callers that do not need upright RGB pixels of full size.
 *
 * @returns undefined if libvips does not read the format (Windows bitmaps)
 * @throws GraftError (`data`) if {@link decodeImage} would refuse the image, or `use` finds it damaged
 */
export async function withSharp<T>(
  path: string,
  use: (image: Sharp) => Promise<T>,
  options: DecodeOptions = {},
): Promise<T | undefined> {
  const { maxPixels = MAX_PIXELS, memory = processMemory(), signal } = options;
  const fail = failFor(path);
  const bytes = await readWhole(path, fail);
  const { format, memoryBytes } = await readHeader(bytes, fail, limitsOf(options));
  if (format === "bmp") return undefined;
  await memory.wait(memoryBytes, signal);
  try {
    return await use(sharpOf(bytes, maxPixels));
  } catch (error) {
    throw damage(error, fail);
  } finally {
    memory.give(memoryBytes);
  }
}

/** Decodes a small plain JPEG without libvips, which is faster; undefined for other images. */
async function decodeSmall(bytes: Uint8Array, fail: Fail): Promise<RgbImage | undefined> {
  if (formatOf(bytes, fail) !== "jpeg" || bytes.length > MAX_SMALL_BYTES) return undefined;
  const { fault } = partsOf(bytes, "jpeg");
  if (fault !== undefined) throw fail(fault);
  return decodeSmallJpeg(bytes);
}

async function readWhole(path: string, fail: Fail): Promise<Uint8Array> {
  // Reading a pipe could wait forever.
  const found = await stat(path).catch((error: unknown) => {
    throw readFailure(path, error);
  });
  if (!found.isFile()) throw fail("it is not a file");
  return readBytes(path);
}

const sharpOf = (bytes: Uint8Array, maxPixels: number): Sharp =>
  sharp(bytes, { limitInputPixels: maxPixels, failOn: "error", pages: 1 });

async function decodeBySharp(bytes: Uint8Array, fail: Fail, maxPixels: number): Promise<RgbImage> {
  try {
    const { data, info } = await sharpOf(bytes, maxPixels)
      .autoOrient()
      .flatten({ background: "white" })
      .toColourspace("srgb")
      .removeAlpha()
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 3 && info.channels !== 1) throw fail(`it has ${info.channels} channels, save it as PNG`);
    return { width: info.width, height: info.height, data: info.channels === 3 ? data : spread(data) };
  } catch (error) {
    throw damage(error, fail);
  }
}

/** One channel → three. */
function spread(data: Uint8Array): Uint8Array {
  const rgb = new Uint8Array(data.length * 3);
  data.forEach((grey, i) => {
    rgb[i * 3] = grey;
    rgb[i * 3 + 1] = grey;
    rgb[i * 3 + 2] = grey;
  });
  return rgb;
}

export type Inspected = Pick<ImageHeader, "format" | "width" | "height">;

/**
 * Reads an image's header, and refuses what {@link decodeImage} would refuse by it. The rest of the file may still be damaged.
 *
 * @param called the file's name in errors
 * @throws GraftError (`data`) if the image is refused
 */
export async function inspectImage(path: string, called = path): Promise<Inspected> {
  const fail = failFor(called);
  // Throws without reading a whole file that is not an image.
  if ((await sniffFile(path)) === undefined) await readHeader(new Uint8Array([0]), fail, limitsOf({}));
  const bytes = await readBytes(path);
  const memory = processMemory();
  await memory.wait(bytes.length);
  try {
    const { format, width, height } = await readHeader(bytes, fail, limitsOf({}));
    // Only decoding shows whether a bitmap is complete.
    if (format === "bmp") decodeBmp(bytes, fail, MAX_PIXELS);
    return { format, width, height };
  } finally {
    memory.give(bytes.length);
  }
}

/** A square JPEG of `side` pixels, upright, alpha over white, as base64, for reports. Throws what {@link decodeImage} throws. */
export async function thumbnail(path: string, side = 160): Promise<string> {
  const { width, height, data } = await decodeImage(path);
  const bytes = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize(side, side, { fit: "cover" })
    .jpeg({ quality: 72 })
    .toBuffer();
  return bytes.toString("base64");
}
