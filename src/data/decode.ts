/**
 * Image files → upright 8-bit sRGB pixels, whatever the file says of itself. Nothing is resized here.
 * Sizes are checked before any pixel is decoded.
 */
import { stat } from "node:fs/promises";
import sharp from "sharp";
import * as v from "valibot";
import { dataError, GraftError, messageOf } from "../base/errors.ts";
import { readBytes } from "../base/files.ts";
import { above, checkedArgument } from "../base/options.ts";
import { readFailure } from "../base/system-errors.ts";
import { decodeBmp } from "./bmp.ts";
import { decodeSmallJpeg } from "./jpeg/small.ts";
import { MAX_PIXELS, type RgbImage, sizeFault, tooLarge } from "./rgb-image.ts";
import { sniffFormat } from "./sniff.ts";

export type { RgbImage } from "./rgb-image.ts";

// The same picture is decoded once: a cache would only hold memory.
sharp.cache(false);

/** Sample types that become 8 bits without loss of range: not the floating-point ones of scientific TIFFs. */
const depths = new Set<string | undefined>(["uchar", "ushort"]);

const imageSource = v.custom<string | Uint8Array>(
  (value) => (typeof value === "string" && value !== "") || value instanceof Uint8Array,
  "the path or the bytes of an image file",
);
const pixelLimit = above(0);

/**
 * Decodes a picture: EXIF orientation applied, alpha laid over white, greyscale, palettes, CMYK, 16 bits and embedded
 * colour profiles converted to sRGB, the first frame of an animation or the first page of a TIFF.
 *
 * @param source a path, or the bytes of a file
 * @param maxPixels refuses larger pictures before decoding
 * @throws GraftError (`data`) that names the file and the reason; (`usage`) where the source is neither path nor bytes
 */
export async function decodeImage(source: string | Uint8Array, maxPixels = MAX_PIXELS): Promise<RgbImage> {
  checkedArgument(imageSource, source, "The first argument of decodeImage");
  checkedArgument(pixelLimit, maxPixels, "The second argument of decodeImage");
  const called = typeof source === "string" ? source : "the image";
  const fail = (reason: string, cause?: unknown): Error => dataError(`Could not read ${called}: ${reason}.`, cause);
  const bytes = typeof source === "string" ? await readWhole(source, fail) : source;
  if (bytes.length === 0) throw fail("the file is empty");
  const format = sniffFormat(bytes);
  if (format === undefined)
    throw fail("it is no image in a format that is read: not one of JPEG, PNG, WebP, GIF, AVIF, TIFF, BMP");
  if (format === "heic") throw fail("it is a HEIC photo, convert it to JPEG first");
  const image =
    format === "bmp"
      ? decodeBmp(bytes, called, maxPixels)
      : (format === "jpeg" && (await decodeSmallJpeg(bytes))) || (await decodeBySharp(bytes, fail, maxPixels));
  checkSize(image, fail, maxPixels);
  return image;
}

type Fail = (reason: string, cause?: unknown) => Error;

async function readWhole(path: string, fail: Fail): Promise<Uint8Array> {
  // A pipe would keep its reader waiting for ever.
  const found = await stat(path).catch((error: unknown) => {
    throw readFailure(path, error);
  });
  if (!found.isFile()) throw fail("it is not a file");
  return readBytes(path);
}

async function decodeBySharp(bytes: Uint8Array, fail: Fail, maxPixels: number): Promise<RgbImage> {
  try {
    const picture = sharp(bytes, { limitInputPixels: maxPixels, failOn: "error", pages: 1 });
    const { width, height, depth } = await picture.metadata();
    checkSize({ width, height }, fail, maxPixels);
    if (!depths.has(depth)) throw fail(`its pixels are of type ${depth}, save it with 8 or 16 bits a channel`);
    const { data, info } = await picture
      .autoOrient()
      .flatten({ background: "white" })
      .toColourspace("srgb")
      .removeAlpha()
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 3 && info.channels !== 1) throw fail(`it has ${info.channels} channels, save it as PNG`);
    return { width: info.width, height: info.height, data: info.channels === 3 ? data : spread(data) };
  } catch (error) {
    throw error instanceof GraftError ? error : fail(reasonOf(messageOf(error), maxPixels), error);
  }
}

function checkSize(size: Pick<RgbImage, "width" | "height">, fail: Fail, maxPixels: number): void {
  const fault = sizeFault(size, maxPixels);
  if (fault !== undefined) throw fail(fault);
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

/**
 * Why libvips gave up. Its codecs' own words stay in the error's cause: all threads share one buffer for them, so while
 * several pictures are decoded they may be another picture's, or gone.
 */
const reasonOf = (message: string, maxPixels: number): string =>
  /pixel limit/.test(message)
    ? tooLarge(maxPixels)
    : "the file is cut off or damaged, or a rare variant of its format: save it again as PNG or JPEG";
