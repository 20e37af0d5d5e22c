/**
 * Decodes small plain JPEGs with libjpeg-turbo in WebAssembly: bit for bit the pixels of libvips (small-jpeg.test.ts) in a third of the
 * time, because for an image of 300 × 200 libvips spends most of its time on setting up its pipeline and threads. Leaves unusual, large
 * and damaged files to libvips, which also reports what is wrong with them.
 */
import createCodec, { type Codec, type Decoder } from "@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs";
import type { RgbImage } from "./rgb-image.ts";

/** The size of a plain JPEG. */
export interface PlainJpeg {
  readonly width: number;
  readonly height: number;
}

const marker = { start: 0xd8, end: 0xd9, scan: 0xda, baseline: 0xc0, huffman: 0xc4, quantisation: 0xdb, restart: 0xdd };
const COMMENT = 0xfe;

/** Application segments 0 to 15. Three of them change what pixels mean: EXIF (1), colour profiles (2), Adobe's transform (14). */
const isApplication = (code: number): boolean => code >= 0xe0 && code <= 0xef;
const telling = new Set([0xe1, 0xe2, 0xee]);

const skipped = new Set([marker.huffman, marker.quantisation, marker.restart, COMMENT]);

/**
 * The size of a plain JPEG, by the segments before its first scan: baseline, three channels of eight bits, no colour profile or
 * orientation, complete up to its end marker. Undefined for other JPEGs, which may be valid too. Never throws.
 */
export function plainJpeg(bytes: Uint8Array): PlainJpeg | undefined {
  const { length } = bytes;
  if (length < 4 || bytes[0] !== 0xff || bytes[1] !== marker.start) return undefined;
  if (bytes[length - 2] !== 0xff || bytes[length - 1] !== marker.end) return undefined;
  let size: PlainJpeg | undefined;
  for (let at = 2; at + 4 <= length; ) {
    const code = bytes[at + 1]!;
    if (bytes[at] !== 0xff) return undefined;
    if (code === marker.scan) return size;
    const segment = bytes.subarray(at + 4, at + 2 + (bytes[at + 2]! << 8) + bytes[at + 3]!);
    if (code === marker.baseline) {
      if (size) return undefined;
      size = frameOf(segment);
      if (!size) return undefined;
    } else if (!skipped.has(code) && (!isApplication(code) || telling.has(code))) return undefined;
    at += segment.length + 4;
  }
  return undefined;
}

/** The size in a frame header of three channels of eight bits, numbered as in JFIF; undefined for other frames. */
function frameOf(segment: Uint8Array): PlainJpeg | undefined {
  const [bits, high, low, wideHigh, wideLow, channels] = segment;
  if (bits !== 8 || channels !== 3 || segment.length !== 15) return undefined;
  if (segment[6] !== 1 || segment[9] !== 2 || segment[12] !== 3) return undefined;
  const [height, width] = [high! * 256 + low!, wideHigh! * 256 + wideLow!];
  return height > 0 && width > 0 ? { width, height } : undefined;
}

/** Larger images are not decoded faster, and would block the caller's thread for more than a few milliseconds. */
const MAX_SMALL_PIXELS = 1 << 18;
export const MAX_SMALL_BYTES = 1 << 20;

let codec: Promise<Codec | undefined> | undefined;
let decoder: Decoder | undefined;

/** The size of an image that {@link decodeSmallJpeg} decodes unless it is damaged; undefined for other images. */
export function smallJpegSize(bytes: Uint8Array): ReturnType<typeof plainJpeg> {
  const size = bytes.length > MAX_SMALL_BYTES ? undefined : plainJpeg(bytes);
  return size && size.width * size.height <= MAX_SMALL_PIXELS ? size : undefined;
}

/** The pixels; undefined if the file is not a small plain JPEG or decoding fails. Never throws. */
export async function decodeSmallJpeg(bytes: Uint8Array): Promise<RgbImage | undefined> {
  const size = smallJpegSize(bytes);
  if (!size) return undefined;
  // If WebAssembly is forbidden there is no codec; libvips gives the same pixels.
  codec ??= createCodec({ print: ignore, printErr: ignore }).catch(() => undefined);
  const ready = await codec;
  return ready && decode(ready, bytes, size.width, size.height);
}

const ignore = (): void => {};

function decode({ JPEGDecoder }: Codec, bytes: Uint8Array, width: number, height: number): RgbImage | undefined {
  try {
    decoder ??= new JPEGDecoder();
    decoder.getEncodedBuffer(bytes.length).set(bytes);
    decoder.decode();
    const pixels = decoder.getDecodedBuffer();
    // A copy, because the codec overwrites its memory for the next image.
    return pixels.length === width * height * 3 ? { width, height, data: new Uint8Array(pixels) } : undefined;
  } catch {
    // After a failure, the state of the decoder is unknown.
    decoder = undefined;
    return undefined;
  }
}
