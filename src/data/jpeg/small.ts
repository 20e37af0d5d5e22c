/**
 * Small plain JPEGs → pixels at once, by libjpeg-turbo in WebAssembly. The same pixels as libvips' to the bit (small.test.ts), in
 * a third of the time: for a picture of 300 × 200 most of libvips' time goes into setting up its pipeline and its threads.
 * Whatever is unusual, large or damaged is left to libvips, which also has the last word on what is wrong with it.
 */
import createCodec, { type Codec, type Decoder } from "@cornerstonejs/codec-libjpeg-turbo-8bit/decodewasmjs";
import type { RgbImage } from "../rgb-image.ts";
import { plainJpeg } from "./plain.ts";

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
