/**
 * Reads an image's header and estimates the memory that decoding takes. Refuses unsupported and too costly images before a pixel is
 * decoded; decodes nothing.
 */
import sharp, { type Metadata } from "sharp";
import { type Budget, createBudget } from "../../base/concurrency.ts";
import { dataError, type ErrorCode, GraftError, messageOf, usageError } from "../../base/errors.ts";
import { shown } from "../../base/text.ts";
import { type Parts, partsOf } from "./image-parts.ts";
import { MAX_PIXELS, sizeFault, tooLarge } from "./rgb-image.ts";
import { type ImageFormat, sniffFormat } from "./sniff.ts";

export interface ImageHeader {
  readonly format: Exclude<ImageFormat, "heic">;
  /** In pixels, as stored. */
  readonly width: number;
  readonly height: number;
  /** The estimated peak memory of decoding to upright RGB, with the result but without the file. */
  readonly memoryBytes: number;
}

/** What a caller accepts. */
export interface ImageLimits {
  readonly maxPixels?: number | undefined;
  /** Bytes that decoding one image may take. */
  readonly maxMemoryBytes: number;
  /** How to allow more, as the end of a sentence. */
  readonly remedy?: string | undefined;
}

/** Creates an error about an image from the reason. */
export type Fail = (reason: string, cause?: unknown, code?: ErrorCode) => GraftError;

export const failFor =
  (called: string): Fail =>
  (reason, cause, code) =>
    dataError(`Could not read ${called}: ${reason}.`, cause, code);

/** Sample types that fit in 8 bits after scaling: not the floating-point ones of scientific TIFFs. */
const depths = new Set<string | undefined>(["uchar", "ushort"]);

/** The format, by the first bytes. @throws GraftError (`data`) if the format is not supported */
export function formatOf(bytes: Uint8Array, fail: Fail): ImageHeader["format"] {
  if (bytes.length === 0) throw fail("the file is empty");
  const format = sniffFormat(bytes);
  if (format === undefined)
    throw fail("it is not an image in a supported format (JPEG, PNG, WebP, GIF, AVIF, TIFF, BMP)");
  if (format === "heic") throw fail("it is a HEIC photo, convert it to JPEG first");
  return format;
}

/**
 * Reads the header of an image file. The rest of the file may still be damaged.
 *
 * @throws GraftError (`data`; code `image-too-large` if size is the only reason) if the image is refused
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

/** @throws GraftError (`data`) if images of this size are refused */
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
    // checkSize checks the limit: the error of libvips would not say what is wrong.
    return await sharp(bytes, { limitInputPixels: false, pages: 1 }).metadata();
  } catch (error) {
    throw damage(error, fail);
  }
}

/**
 * The error of a file that cannot be decoded. The codec's message is only the cause: all threads share one buffer for messages, so
 * while several images are decoded it may belong to another image or be lost.
 */
export const damage = (error: unknown, fail: Fail): GraftError =>
  error instanceof GraftError
    ? error
    : fail(
        "the file is cut off or damaged, or a rare variant of its format: save it again as PNG or JPEG",
        error instanceof Error ? error : new Error(messageOf(error)),
      );

/** The size in a Windows bitmap's header; bmp.ts reports what is wrong with it. */
function bitmapSize(bytes: Uint8Array): Described {
  if (bytes.length < 26) return { width: 1, height: 1 };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const [width, height] = [view.getInt32(18, true), Math.abs(view.getInt32(22, true))];
  // bmp.ts refuses a size that the file is too short for, without reading a pixel.
  return width > 0 && height > 0 && width * height <= 8 * bytes.length ? { width, height } : { width: 1, height: 1 };
}

/** The memory that decoding any image takes, in bytes. */
const BASE_BYTES = 8e6;
/** Bytes per pixel of the result. */
const RGB_BYTES = 3;

/**
 * Estimates the peak memory. Measured with sharp 0.35 (libvips 8.18) on images of 9 and 49 megapixels, flat and noisy, one image per
 * process, as the increase of peak resident memory (`npm run bench -- decode`).
 */
function memoryOf(format: ImageHeader["format"], metadata: Described, parts: Parts): number {
  const { width, height, orientation = 1 } = metadata;
  // Rotating an image takes a second copy; mirroring does not.
  const turned = orientation > 2 ? RGB_BYTES : 0;
  const decoder = decoderBytes[format](metadata, parts);
  return BASE_BYTES + width * height * (RGB_BYTES + turned + decoder);
}

/** What a decoder holds besides the result, in bytes per pixel of the result. */
const decoderBytes: Readonly<Record<ImageHeader["format"], (metadata: Described, parts: Parts) => number>> = {
  // For a JPEG with several scans, all coefficients are held in two bytes each.
  jpeg: ({ channels = 3, chromaSubsampling = "" }, { scans = 1 }) =>
    0.4 + (scans > 1 ? 2 * (chromaSubsampling.startsWith("4:2:0") ? channels / 2 : channels) : 0),
  // For an interlaced PNG, all pixels are held as they are stored.
  png: ({ channels = 3, depth, isProgressive = false }) => 0.7 + (isProgressive ? channels * sampleBytes(depth) : 0),
  webp: ({ pages = 1 }) => (pages > 1 ? 10 : 6.3),
  gif: () => 5,
  // A page may be one strip, and a strip a JPEG with several scans.
  tiff: ({ channels = 3, depth }) => 0.7 + channels * sampleBytes(depth),
  // libaom and libheif hold several copies of the coded pixels, which may be more than the visible ones.
  avif: ({ width, height }, { codedPixels = 0 }) => (22 * Math.max(codedPixels, width * height)) / (width * height),
  bmp: () => 0,
};

const sampleBytes = (depth: string | undefined): number => (depth === "ushort" ? 2 : 1);

/** The environment variable for the memory that decoded images share, such as `2GB`. */
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

/** The limits for one image, with the remedy if the memory budget is that of the process. */
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
