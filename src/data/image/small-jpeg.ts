/**
 * Whether a JPEG is of the simplest kind, by its header: baseline, three channels of eight bits, no colour profile or orientation, and
 * complete up to its end marker. Other JPEGs may be valid too.
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

/** Application segments 0 to 15; of these, three change what pixels mean: EXIF (1), colour profiles (2), Adobe's transform (14). */
const isApplication = (code: number): boolean => code >= 0xe0 && code <= 0xef;
const telling = new Set([0xe1, 0xe2, 0xee]);

const skipped = new Set([marker.huffman, marker.quantisation, marker.restart, COMMENT]);

/** Reads the segments before the first scan; yields nothing where the picture is not plain. Never throws. */
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

/** The size that a frame header states, where it is one of three channels, numbered as JFIF does, of eight bits. */
function frameOf(segment: Uint8Array): PlainJpeg | undefined {
  const [bits, high, low, wideHigh, wideLow, channels] = segment;
  if (bits !== 8 || channels !== 3 || segment.length !== 15) return undefined;
  if (segment[6] !== 1 || segment[9] !== 2 || segment[12] !== 3) return undefined;
  const [height, width] = [high! * 256 + low!, wideHigh! * 256 + wideLow!];
  return height > 0 && width > 0 ? { width, height } : undefined;
}

// Small plain JPEGs → pixels at once, by libjpeg-turbo in WebAssembly. The same pixels as libvips' to the bit (small.test.ts), in
// a third of the time: for a picture of 300 × 200 most of libvips' time goes into setting up its pipeline and its threads.
// Whatever is unusual, large or damaged is left to libvips, which also has the last word on what is wrong with it.

/** Larger pictures gain nothing, and would keep the caller's thread busy for longer than a few milliseconds. */
const MAX_SMALL_PIXELS = 1 << 18;
export const MAX_SMALL_BYTES = 1 << 20;

let codec: Promise<Codec | undefined> | undefined;
let decoder: Decoder | undefined;

/** The size of a picture that {@link decodeSmallJpeg} decodes unless it is damaged. */
export function smallJpegSize(bytes: Uint8Array): ReturnType<typeof plainJpeg> {
  const size = bytes.length > MAX_SMALL_BYTES ? undefined : plainJpeg(bytes);
  return size && size.width * size.height <= MAX_SMALL_PIXELS ? size : undefined;
}

/** The picture, or nothing where it is not a plain small JPEG that decodes without complaint. Never throws. */
export async function decodeSmallJpeg(bytes: Uint8Array): Promise<RgbImage | undefined> {
  const size = smallJpegSize(bytes);
  if (!size) return undefined;
  // Where WebAssembly is forbidden there is no codec, and libvips gives the same pixels.
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
    // Its memory is the codec's own, and is written anew for the next picture.
    return pixels.length === width * height * 3 ? { width, height, data: new Uint8Array(pixels) } : undefined;
  } catch {
    // It is not known in what state a failure leaves it.
    decoder = undefined;
    return undefined;
  }
}
