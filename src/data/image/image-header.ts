/**
 * What an image is, by its header and the number of its parts alone, and what decoding it will take. The one place where images
 * are refused before a pixel is decoded: decode.ts, inspect.ts and the studio's thumbnails all ask here.
 */
import sharp, { type Metadata } from "sharp";
import { type Budget, createBudget } from "../../base/concurrency.ts";
import { dataError, type ErrorCode, GraftError, messageOf, usageError } from "../../base/errors.ts";
import { shown } from "../../base/text.ts";
import type { Parts } from "./image-parts.ts";
import { partsOf } from "./image-parts.ts";
import { MAX_PIXELS, sizeFault, tooLarge } from "./rgb-image.ts";
import { type ImageFormat, sniffFormat } from "./sniff.ts";

export interface ImageHeader {
  readonly format: Exclude<ImageFormat, "heic">;
  /** In pixels, as stored. */
  readonly width: number;
  readonly height: number;
  /** About the most bytes that decoding to upright RGB holds at once, the result included; the file itself is not counted. */
  readonly memoryBytes: number;
}

/** What a caller takes on. */
export interface ImageLimits {
  readonly maxPixels?: number | undefined;
  /** Bytes that decoding one image may take. */
  readonly maxMemoryBytes: number;
  /** How to allow more: the end of a sentence. */
  readonly remedy?: string | undefined;
}

/** An error about an image, from the reason. */
export type Fail = (reason: string, cause?: unknown, code?: ErrorCode) => GraftError;

export const failFor =
  (called: string): Fail =>
  (reason, cause, code) =>
    dataError(`Could not read ${called}: ${reason}.`, cause, code);

/** Sample types that become 8 bits without loss of range: not the floating-point ones of scientific TIFFs. */
const depths = new Set<string | undefined>(["uchar", "ushort"]);

/** The format, by the first bytes. @throws GraftError (`data`) where it is none that is read */
export function formatOf(bytes: Uint8Array, fail: Fail): ImageHeader["format"] {
  if (bytes.length === 0) throw fail("the file is empty");
  const format = sniffFormat(bytes);
  if (format === undefined)
    throw fail("it is no image in a format that is read: not one of JPEG, PNG, WebP, GIF, AVIF, TIFF, BMP");
  if (format === "heic") throw fail("it is a HEIC photo, convert it to JPEG first");
  return format;
}

/**
 * Reads the header of an image file. What passes may still be damaged further on.
 *
 * @throws GraftError (`data`, code `image-too-large` where it is only that) where the image is not to be decoded
 */
export async function readHeader(bytes: Uint8Array, fail: Fail, limits: ImageLimits): Promise<ImageHeader> {
  const { maxPixels = MAX_PIXELS, maxMemoryBytes, remedy } = limits;
  const format = formatOf(bytes, fail);
  const parts = partsOf(bytes, format);
  if (parts.fault !== undefined) throw fail(parts.fault);
  const size = format === "bmp" ? bitmapSize(bytes) : undefined;
  const metadata = size ?? (await metadataOf(bytes, fail));
  const { width, height, depth = "uchar" } = metadata;
  checkSize(metadata, fail, maxPixels);
  if (!depths.has(depth)) throw fail(`its pixels are of type ${depth}, save it with 8 or 16 bits a channel`);
  const memoryBytes = memoryOf(format, metadata, parts);
  if (memoryBytes > maxMemoryBytes) {
    const more = remedy === undefined ? "" : `, or ${remedy}`;
    throw fail(
      `decoding it takes about ${inMegabytes(memoryBytes)} of memory and ${inMegabytes(maxMemoryBytes)} are allowed, make it smaller or save it as JPEG${more}`,
      undefined,
      "image-too-large",
    );
  }
  return { format, width, height, memoryBytes };
}

const inMegabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6).toLocaleString("en")} MB`;

/** @throws GraftError (`data`) where an image of that size is not taken */
export function checkSize(
  size: { readonly width: number; readonly height: number },
  fail: Fail,
  maxPixels: number,
): void {
  const fault = sizeFault(size, maxPixels);
  if (fault !== undefined) throw fail(fault, undefined, fault === tooLarge(maxPixels) ? "image-too-large" : undefined);
}

type Described = Pick<Metadata, "width" | "height"> & Partial<Metadata>;

async function metadataOf(bytes: Uint8Array, fail: Fail): Promise<Described> {
  try {
    // The limit is ours to check: libvips' own would not say what is wrong.
    return await sharp(bytes, { limitInputPixels: false, pages: 1 }).metadata();
  } catch (error) {
    throw damage(error, fail);
  }
}

/**
 * That a file cannot be decoded. The codecs' own words stay in the error's cause: all threads share one buffer for them, so while
 * several images are decoded they may be another image's, or gone.
 */
export const damage = (error: unknown, fail: Fail): GraftError =>
  error instanceof GraftError
    ? error
    : fail(
        "the file is cut off or damaged, or a rare variant of its format: save it again as PNG or JPEG",
        error instanceof Error ? error : new Error(messageOf(error)),
      );

/** What a Windows bitmap says its size is; what is wrong with it is for bmp.ts to say. */
function bitmapSize(bytes: Uint8Array): Described {
  if (bytes.length < 26) return { width: 1, height: 1 };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [width, height] = [view.getInt32(18, true), Math.abs(view.getInt32(22, true))];
  // What is claimed beyond the file is refused there without a pixel being read.
  return width > 0 && height > 0 && width * height <= 8 * bytes.length ? { width, height } : { width: 1, height: 1 };
}

/** Bytes that decoding anything takes. */
const BASE_BYTES = 8e6;
/** Of the upright 8-bit RGB pixels that come out. */
const RGB_BYTES = 3;

/**
 * Measured with sharp 0.35 (libvips 8.18) on images of 9 and 49 megapixels, flat and noisy, with one image to a process: the peak
 * of resident memory, beyond that before (`npm run bench -- decode`).
 */
function memoryOf(format: ImageHeader["format"], metadata: Described, parts: Parts): number {
  const { width, height, orientation = 1 } = metadata;
  // An image that is not only mirrored is turned in memory.
  const turned = orientation > 2 ? RGB_BYTES : 0;
  const decoder = decoderBytes[format](metadata, parts);
  return BASE_BYTES + width * height * (RGB_BYTES + turned + decoder);
}

/** What a decoder holds beside what comes out, in bytes for each pixel of that. */
const decoderBytes: Readonly<Record<ImageHeader["format"], (metadata: Described, parts: Parts) => number>> = {
  // Of a JPEG with several scans all coefficients are held, each in two bytes.
  jpeg: ({ channels = 3, chromaSubsampling = "" }, { scans = 1 }) =>
    0.4 + (scans > 1 ? 2 * (chromaSubsampling.startsWith("4:2:0") ? channels / 2 : channels) : 0),
  // Of an interlaced PNG all pixels are held as they are stored.
  png: ({ channels = 3, depth, isProgressive = false }) => 0.7 + (isProgressive ? channels * sampleBytes(depth) : 0),
  webp: ({ pages = 1 }) => (pages > 1 ? 10 : 6.3),
  gif: () => 5,
  // A page may be one piece, and a piece a JPEG of several scans.
  tiff: ({ channels = 3, depth }) => 0.7 + channels * sampleBytes(depth),
  // libaom and libheif hold several copies; counted by what is coded, which may be more than what is shown.
  avif: ({ width, height }, { codedPixels = 0 }) => (22 * Math.max(codedPixels, width * height)) / (width * height),
  bmp: () => 0,
};

const sampleBytes = (depth: string | undefined): number => (depth === "ushort" ? 2 : 1);

/** The environment variable that sets how much memory decoded images share, such as `2GB`. */
const MEMORY_VARIABLE = "GRAFT_DECODE_MEMORY";
const DEFAULT_MEMORY_BYTES = 1e9;
const units: Readonly<Record<string, number>> = { mb: 1e6, gb: 1e9 };

let shared: Budget | undefined;

/** The memory budget of this process. Throws a GraftError (`usage`) if `GRAFT_DECODE_MEMORY` is not a size. */
export function processMemory(): Budget {
  shared ??= createBudget(bytesFromEnvironment(process.env[MEMORY_VARIABLE]));
  return shared;
}

function bytesFromEnvironment(text: string | undefined): number {
  if (text === undefined || text === "") return DEFAULT_MEMORY_BYTES;
  const [, number, unit] = /^(\d+(?:\.\d+)?)\s*(mb|gb)$/i.exec(text.trim()) ?? [];
  const bytes = Number(number) * (units[unit?.toLowerCase() ?? ""] ?? Number.NaN);
  if (bytes > 0) return bytes;
  throw usageError(`${MEMORY_VARIABLE} takes a size such as 500MB or 2GB, not ${shown(text)}.`);
}

/** The limits for one image, and how to raise them if the memory budget is the process's own. */
export const limitsOf = ({
  maxPixels,
  memory,
}: {
  readonly maxPixels?: number | undefined;
  readonly memory?: Budget | undefined;
}): ImageLimits => ({
  maxPixels,
  maxMemoryBytes: (memory ?? processMemory()).size,
  remedy: memory ? undefined : `set ${MEMORY_VARIABLE} to more`,
});
