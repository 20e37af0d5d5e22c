/**
 * Decodes Windows bitmaps, which sharp's prebuilt libvips does not read: uncompressed, 1, 4 or 8 bits with a palette, 24 bits,
 * 32 bits with or without masks. Source of the layout: Microsoft's BITMAPINFOHEADER and its successors V4 and V5.
 */
import type { Fail } from "./image-header.ts";
import { type RgbImage, tooLarge } from "./rgb-image.ts";

/** `biCompression` */
const [UNCOMPRESSED, RLE8, RLE4, BIT_FIELDS] = [0, 1, 2, 3];

/** A palette; its colours have four bytes: blue, green, red, unused. */
interface Palette {
  readonly bits: number;
  readonly at: number;
  readonly colours: number;
}

/** The position of each channel in the bytes of a pixel. */
interface Channels {
  readonly bytes: number;
  readonly red: number;
  readonly green: number;
  readonly blue: number;
  readonly alpha: number | undefined;
}

/**
 * Decodes a Windows bitmap. If the header declares alpha, the image is composited over white.
 *
 * @param fail creates an error from a reason
 * @throws GraftError (`data`) if the bitmap is compressed, too large, or shorter than its header says
 */
export function decodeBmp(bytes: Uint8Array, fail: Fail, maxPixels: number): RgbImage {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 54 || view.getUint32(14, true) < 40)
    throw fail("the bitmap is cut off, or older than Windows 3, save it as PNG");
  const [pixelsAt, headerSize] = [view.getUint32(10, true), view.getUint32(14, true)];
  const [width, signedHeight] = [view.getInt32(18, true), view.getInt32(22, true)];
  const [bits, compression] = [view.getUint16(28, true), view.getUint32(30, true)];
  const height = Math.abs(signedHeight);
  if (width <= 0 || height === 0) throw fail("the bitmap has no pixels");
  if (width * height > maxPixels) throw fail(tooLarge(maxPixels), undefined, "image-too-large");
  if ((compression === RLE8 && bits === 8) || (compression === RLE4 && bits === 4))
    throw fail("it is a run-length compressed bitmap, save it as PNG");
  const isKnown = compression === UNCOMPRESSED || (compression === BIT_FIELDS && bits === 32);
  if (!isKnown || ![1, 4, 8, 24, 32].includes(bits))
    throw fail(`it is a bitmap of ${bits} bits with compression ${compression}, save it as PNG`);
  const stride = Math.ceil((width * bits) / 32) * 4;
  const colours = bits > 8 ? 0 : Math.min(view.getUint32(46, true) || 2 ** bits, 2 ** bits);
  const palette = { bits, at: 14 + headerSize, colours };
  if (palette.at + colours * 4 > bytes.length) throw fail("its header or palette is cut off");
  if (pixelsAt < palette.at || pixelsAt + stride * height > bytes.length) throw fail("the file is cut off or damaged");

  const data = new Uint8Array(width * height * 3);
  const rowOf = (y: number): number => pixelsAt + stride * (signedHeight > 0 ? height - 1 - y : y);
  if (bits <= 8) {
    if (!readIndexed(bytes, data, width, rowOf, palette)) throw fail("a pixel has a colour that its palette lacks");
  } else {
    const channels = compression === BIT_FIELDS ? maskedChannels(view, headerSize, pixelsAt) : plainChannels(bits / 8);
    if (!channels) throw fail("its colours do not have 8 bits each, save it as PNG");
    readDirect(bytes, data, width, rowOf, channels);
  }
  return { width, height, data };
}

type RowOf = (y: number) => number;

/** Returns whether the colour of every pixel is in the palette. */
function readIndexed(from: Uint8Array, to: Uint8Array, width: number, rowOf: RowOf, palette: Palette): boolean {
  const [perByte, mask] = [8 / palette.bits, 2 ** palette.bits - 1];
  for (let pixel = 0; pixel * 3 < to.length; pixel++) {
    const x = pixel % width;
    const byte = from[rowOf((pixel - x) / width) + Math.floor(x / perByte)]!;
    // The leftmost pixel is in the highest bits.
    const index = (byte >> (8 - palette.bits * ((x % perByte) + 1))) & mask;
    if (index >= palette.colours) return false;
    const colour = palette.at + index * 4;
    to[pixel * 3] = from[colour + 2]!;
    to[pixel * 3 + 1] = from[colour + 1]!;
    to[pixel * 3 + 2] = from[colour]!;
  }
  return true;
}

/** Without masks the fourth byte is unused, not alpha. */
const plainChannels = (bytes: number): Channels => ({ bytes, red: 2, green: 1, blue: 0, alpha: undefined });

/** The bytes that the masks select; undefined if a mask is not one whole byte. Missing or empty masks mean the usual order. */
function maskedChannels(view: DataView, headerSize: number, pixelsAt: number): Channels | undefined {
  const masks = [54, 58, 62, 66].map((at, i) =>
    // Red, green and blue may follow a plain header; only a longer header has alpha.
    (i < 3 ? pixelsAt >= 66 : headerSize >= 56) ? view.getUint32(at, true) : 0,
  );
  if (masks.every((mask) => mask === 0)) return plainChannels(4);
  const [red, green, blue, alpha] = masks.map((mask) => [0xff, 0xff00, 0xff0000, 0xff000000].indexOf(mask));
  if (red! < 0 || green! < 0 || blue! < 0) return undefined;
  return { bytes: 4, red: red!, green: green!, blue: blue!, alpha: alpha! < 0 ? undefined : alpha };
}

function readDirect(from: Uint8Array, to: Uint8Array, width: number, rowOf: RowOf, channels: Channels): void {
  const { bytes, alpha } = channels;
  const order = [channels.red, channels.green, channels.blue];
  for (let pixel = 0; pixel * 3 < to.length; pixel++) {
    const x = pixel % width;
    const at = rowOf((pixel - x) / width) + x * bytes;
    const opacity = alpha === undefined ? 255 : from[at + alpha]!;
    for (let c = 0; c < 3; c++) {
      to[pixel * 3 + c] = Math.round((from[at + order[c]!]! * opacity + 255 * (255 - opacity)) / 255);
    }
  }
}
