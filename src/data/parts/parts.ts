/**
 * What an image file consists of, counted before a decoder sees it. Pixels alone do not bound what decoding costs: decoders go
 * through every scan of a JPEG, every frame of an animation of which one is wanted, every tile of an AVIF. A file of a few
 * kilobytes can have thousands of them. Nothing is decoded here, and nothing is trusted.
 */
import type { ImageFormat } from "../sniff.ts";
import { avifParts } from "./avif-parts.ts";
import type { Parts } from "./count.ts";
import { gifFault } from "./gif-parts.ts";
import { jpegParts } from "./jpeg-parts.ts";
import { pngFault } from "./png-parts.ts";
import { tiffFault } from "./tiff-parts.ts";
import { webpFault } from "./webp-parts.ts";

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

/** Never throws: what is damaged is left for the decoder to say. */
export const partsOf = (bytes: Uint8Array, format: ImageFormat): Parts => readers[format](bytes);
