/**
 * Counts the parts of image files (scans, frames, chunks, pages, tiles) and refuses files with too many. The number of pixels alone
 * does not bound the cost: decoders read every part, and a file of a few kilobytes can have thousands. Decodes nothing and trusts no
 * offset.
 */

import { avifParts } from "./avif-parts.ts";
import type { ImageFormat } from "./sniff.ts";

export interface Parts {
  /** Why the file is refused, as the end of a sentence; undefined if it is accepted. */
  readonly fault?: string | undefined;
  /** Scans of a JPEG. With more than one, a decoder holds all coefficients. */
  readonly scans?: number | undefined;
  /** The pixels that an AVIF decoder decodes, in all tiles and layers. */
  readonly codedPixels?: number | undefined;
}

const readers: Readonly<Record<ImageFormat, (bytes: Uint8Array) => Parts>> = {
  jpeg: jpegParts,
  png: (bytes) => ({ fault: pngFault(bytes) }),
  gif: (bytes) => ({ fault: gifFault(bytes) }),
  webp: (bytes) => ({ fault: webpFault(bytes) }),
  tiff: (bytes) => ({ fault: tiffFault(bytes) }),
  avif: avifParts,
  bmp: () => ({}),
  heic: () => ({}),
};

/** Counts the parts of a file. Never throws: the decoder reports damage. */
export const partsOf = (bytes: Uint8Array, format: ImageFormat): Parts => readers[format](bytes);

/** The most frames, pages or segments: more than real files have. A decoder takes at least 0.1 ms for each. */
export const MAX_PARTS = 5000;

/** Why a file with too many parts is refused. */
export const tooMany = (what: string, most: number): string =>
  `it has more than ${most.toLocaleString("en")} ${what}, save it again as PNG or JPEG`;

// JPEG segments and scans (ITU T.81, annex B): each scan is a pass over the whole image, and each segment is kept in memory.

/** Progressive JPEGs have about ten. libtiff has the same limit for JPEGs inside TIFFs. */
const MAX_SCANS = 100;

const [START_OF_SCAN, END_OF_IMAGE] = [0xda, 0xd9];
/** Markers without a segment: stuffed bytes, TEM, restarts, the start of the image. */
const isAlone = (code: number): boolean => code <= 0x01 || (code >= 0xd0 && code <= 0xd8);

export function jpegParts(bytes: Uint8Array): Parts {
  let [scans, segments, at] = [0, 0, 0];
  while (at < bytes.length) {
    // Decoders skip what is not a marker, such as the data of a scan.
    while (at < bytes.length && bytes[at] !== 0xff) at++;
    while (bytes[at] === 0xff) at++;
    const code = bytes[at++];
    if (code === undefined || code === END_OF_IMAGE) break;
    if (isAlone(code)) continue;
    segments++;
    if (code === START_OF_SCAN) scans++;
    if (scans > MAX_SCANS) return { fault: tooMany("scans", MAX_SCANS) };
    if (segments > MAX_PARTS) return { fault: tooMany("segments", MAX_PARTS) };
    at += Math.max(2, (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0));
  }
  return { scans };
}

// PNG chunks. Only their number matters: the pixels are in one pass, or in seven if the image is interlaced.

/** Pixels may come in chunks of a few kilobytes. */
const MAX_CHUNKS = 100_000;
const SIGNATURE_BYTES = 8;

export function pngFault(bytes: Uint8Array): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let chunks = 0;
  for (let at = SIGNATURE_BYTES; at + 8 <= bytes.length; at += 12 + view.getUint32(at))
    if (++chunks > MAX_CHUNKS) return tooMany("chunks", MAX_CHUNKS);
  return undefined;
}

// GIF frames (GIF89a specification): only one is decoded, but decoders read all of them.

const [EXTENSION, GIF_FRAME, TRAILER] = [0x21, 0x2c, 0x3b];
const GIF_HEADER_BYTES = 13;

/** The size of the colour table that a byte of flags declares. */
const tableBytes = (flags: number): number => ((flags & 0x80) === 0 ? 0 : 3 << ((flags & 7) + 1));

export function gifFault(bytes: Uint8Array): string | undefined {
  let frames = 0;
  let at = GIF_HEADER_BYTES + tableBytes(bytes[10] ?? 0);
  /** Skips the pieces of a block. Each begins with its length; the last is empty. */
  const skipPieces = (): void => {
    while (at < bytes.length && bytes[at] !== 0) at += bytes[at]! + 1;
    at++;
  };
  while (at < bytes.length) {
    const kind = bytes[at];
    if (kind === TRAILER) return undefined;
    if (kind === EXTENSION) {
      at += 2;
      skipPieces();
    } else if (kind === GIF_FRAME) {
      if (++frames > MAX_PARTS) return tooMany("frames", MAX_PARTS);
      at += 11 + tableBytes(bytes[at + 9] ?? 0);
      skipPieces();
    } else at++;
  }
  return undefined;
}

// WebP frames: only one is decoded, but the time of libwebp to list them grows with the square of their number.

const WEBP_HEADER_BYTES = 12;
/** The letters `ANMF` as a 32-bit number. */
const WEBP_FRAME = 0x414e4d46;

export function webpFault(bytes: Uint8Array): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let frames = 0;
  for (let at = WEBP_HEADER_BYTES; at + 8 <= bytes.length; ) {
    if (view.getUint32(at) === WEBP_FRAME && ++frames > MAX_PARTS) return tooMany("frames", MAX_PARTS);
    const size = view.getUint32(at + 4, true);
    at += 8 + size + (size & 1);
  }
  return undefined;
}

// TIFF directories (TIFF 6.0, section 2; BigTIFF): only one page is decoded, but libtiff reads the directories of all pages and the
// data that their entries point to, even if it is the same data each time.

const MAX_ENTRIES = 100_000;
/** The most bytes that all entries together may point to: many pages may share one colour profile. */
const mostNamed = (fileBytes: number): number => Math.max(64e6, 4 * fileBytes);

/** The size of a value in bytes, by the number of its type. */
const typeBytes = [1, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4, 1, 1, 8, 8, 8];

export function tiffFault(bytes: Uint8Array): string | undefined {
  if (bytes.length < 16) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = bytes[0] === 0x49;
  const isBig = view.getUint16(2, little) === 43;
  const offset = (at: number): number => (isBig ? Number(view.getBigUint64(at, little)) : view.getUint32(at, little));
  const [pointer, entryBytes, countBytes] = isBig ? [8, 20, 8] : [4, 12, 2];
  const seen = new Set<number>();
  let [entries, named] = [0, 0];
  for (let at = offset(pointer); at !== 0 && at + countBytes <= bytes.length && !seen.has(at); ) {
    seen.add(at);
    if (seen.size > MAX_PARTS) return tooMany("pages", MAX_PARTS);
    const count = isBig ? offset(at) : view.getUint16(at, little);
    entries += count;
    if (entries > MAX_ENTRIES) return tooMany("entries in its directories", MAX_ENTRIES);
    const end = at + countBytes + count * entryBytes;
    if (end + pointer > bytes.length) return undefined;
    for (let entry = at + countBytes; entry < end; entry += entryBytes) {
      const size = (typeBytes[view.getUint16(entry + 2, little)] ?? 1) * offset(entry + 4);
      if (size > pointer) named += size;
    }
    if (named > mostNamed(bytes.length))
      return "its directories name more data than it has, save it again as PNG or JPEG";
    at = offset(end);
  }
  return undefined;
}
