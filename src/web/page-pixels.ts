/**
 * Decodes images in a page to upright 8-bit sRGB pixels, as data/image/decode.ts does with files in Node: alpha over white, EXIF orientation
 * applied. Resizes nothing. Needs no document, so that it works in a worker.
 *
 * The browser's own decoders are used. Chromium's pixels are equal to Node's for JPEG, PNG, WebP, GIF and BMP; they differ by one level for AVIF,
 * embedded colour profiles and half transparent images, and in colour for CMYK (docs/browser.md).
 */
import { dataError, messageOf, usageError } from "../base/errors.ts";
import { named, shown } from "../base/text.ts";
import { MAX_PIXELS, pixelFault, type RgbImage, sizeFault } from "../data/image/rgb-image.ts";

/** An image in a page. A video gives its current frame; an {@link RgbImage} is used unchanged. */
export type Picture =
  | Blob
  | ImageBitmap
  | ImageData
  | HTMLImageElement
  | HTMLCanvasElement
  | OffscreenCanvas
  | HTMLVideoElement
  | VideoFrame
  | RgbImage;

/** What a canvas can draw: everything except raw pixels. */
type Drawable = Exclude<Picture, ImageData | RgbImage>;

/** Pixels are read in squares of this side: read at once, a large image would take four times its memory. */
const TILE = 2048;

/**
 * Reads the pixels of an image. Does not change the image, nor close a bitmap.
 *
 * @throws GraftError (`data`) if it cannot be read, or is larger than Graft accepts
 *
 * @example
 * const { width, height, data } = await pixelsOf(document.querySelector("img"));
 */
export async function pixelsOf(image: Picture): Promise<RgbImage> {
  if (typeof image !== "object" || image === null)
    throw usageError(
      `An image must be a File or Blob, an image element, a canvas, a video or pixels, not ${shown(image)}.`,
    );
  if (isRgbImage(image)) return checked(image);
  if (isA("ImageData", image)) {
    checkSize(image);
    const rgb = new Uint8Array(image.width * image.height * 3);
    overWhite(image.data, rgb);
    return { width: image.width, height: image.height, data: rgb };
  }
  const bitmap = await bitmapOf(image);
  try {
    return readBitmap(bitmap);
  } finally {
    bitmap.close();
  }
}

const isRgbImage = (image: Picture): image is RgbImage =>
  Object.hasOwn(image, "data") && (image as RgbImage).data instanceof Uint8Array;

function checked(image: RgbImage): RgbImage {
  const fault = pixelFault(image);
  if (fault !== undefined) throw unreadable(fault);
  checkSize(image);
  return image;
}

/** Browser classes by name: a worker does not have all of them. */
interface Classes {
  readonly Blob: Blob;
  readonly ImageBitmap: ImageBitmap;
  readonly ImageData: ImageData;
  readonly HTMLImageElement: HTMLImageElement;
  readonly HTMLVideoElement: HTMLVideoElement;
}

function isA<Name extends keyof Classes>(name: Name, value: unknown): value is Classes[Name] {
  const known = (globalThis as Record<string, unknown>)[name];
  return typeof known === "function" && value instanceof known;
}

/** A copy of what the image shows now. */
async function bitmapOf(image: Drawable): Promise<ImageBitmap> {
  if (isA("HTMLVideoElement", image) && image.readyState < 2)
    throw unreadable("the video has no frame yet, wait for its event loadeddata");
  if (isA("HTMLImageElement", image)) await loaded(image);
  if (isA("ImageBitmap", image) && image.width === 0) throw unreadable("the bitmap was closed, make another");
  try {
    return await createImageBitmap(image, { imageOrientation: "from-image", premultiplyAlpha: "none" });
  } catch (error) {
    throw unreadable(
      isA("Blob", image)
        ? `${nameOf(image)} is damaged, is not an image, or has a format that this browser does not support: save it as JPEG or PNG`
        : `the browser says "${messageOf(error)}"`,
      error,
    );
  }
}

async function loaded(image: HTMLImageElement): Promise<void> {
  try {
    await image.decode();
  } catch (error) {
    throw unreadable(`the source of the image element, ${named(image.currentSrc || image.src)}, did not load`, error);
  }
}

const nameOf = (blob: Blob): string => ("name" in blob && typeof blob.name === "string" ? blob.name : "the file");

function readBitmap(bitmap: ImageBitmap): RgbImage {
  const { width, height } = bitmap;
  checkSize(bitmap);
  const rgb = new Uint8Array(width * height * 3);
  for (let top = 0; top < height; top += TILE)
    for (let left = 0; left < width; left += TILE) {
      const size = { width: Math.min(TILE, width - left), height: Math.min(TILE, height - top) };
      const rgba = readTile(bitmap, left, top, size);
      for (let row = 0; row < size.height; row++) {
        const from = rgba.subarray(4 * row * size.width, 4 * (row + 1) * size.width);
        const start = 3 * ((top + row) * width + left);
        overWhite(from, rgb.subarray(start, start + 3 * size.width));
      }
    }
  return { width, height, data: rgb };
}

/** RGBA `[height, width, 4]`, alpha not multiplied in. */
function readTile(
  bitmap: ImageBitmap,
  left: number,
  top: number,
  { width, height }: { readonly width: number; readonly height: number },
): Uint8ClampedArray {
  // Read by the processor: a canvas on a graphics card may round colours.
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
  if (!context) throw unreadable("the browser gives no canvas to read it with, close other pages and try again");
  context.drawImage(bitmap, -left, -top);
  try {
    return context.getImageData(0, 0, width, height).data;
  } catch (error) {
    throw unreadable(
      'it comes from another site, which does not let its pixels be read: load it with crossorigin="anonymous" from a server that allows it, or from your own',
      error,
    );
  }
}

/** RGBA, alpha not multiplied in → RGB over white, rounded down as libvips does. */
function overWhite(rgba: Uint8ClampedArray, rgb: Uint8Array): void {
  for (let from = 0, to = 0; to < rgb.length; from += 4, to += 3) {
    const alpha = rgba[from + 3]!;
    const white = (255 - alpha) * 255;
    rgb[to] = (rgba[from]! * alpha + white) / 255;
    rgb[to + 1] = (rgba[from + 1]! * alpha + white) / 255;
    rgb[to + 2] = (rgba[from + 2]! * alpha + white) / 255;
  }
}

function checkSize(size: Pick<RgbImage, "width" | "height">): void {
  if (size.width < 1 || size.height < 1) throw unreadable("it is empty (0 pixels)");
  const fault = sizeFault(size, MAX_PIXELS);
  if (fault !== undefined) throw unreadable(fault);
}

const unreadable = (reason: string, cause?: unknown): Error => dataError(`Could not read the image: ${reason}.`, cause);
