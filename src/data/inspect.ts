/** What a picture is, by its header alone: enough to refuse what decode.ts would, without decoding. */
import { readFile } from "node:fs/promises";
import sharp from "sharp";
import { dataError, GraftError } from "../base/errors.ts";
import { decodeBmp } from "./bmp.ts";
import { MAX_PIXELS, sizeFault } from "./rgb-image.ts";
import { type ImageFormat, sniffFile } from "./sniff.ts";

export interface Inspected {
  readonly format: Exclude<ImageFormat, "heic">;
  /** In pixels, as stored. */
  readonly width: number;
  readonly height: number;
}

/**
 * Reads a picture's header. What passes may still be damaged further on.
 *
 * @param called the file's name in errors
 * @throws GraftError (`data`) where it is no picture that decode.ts would read
 */
export async function inspectImage(path: string, called = path): Promise<Inspected> {
  const fail = (reason: string, cause?: unknown): Error => dataError(`Could not read ${called}: ${reason}.`, cause);
  const format = await sniffFile(path);
  if (format === undefined)
    throw fail("it is no image in a format that is read: not one of JPEG, PNG, WebP, GIF, AVIF, TIFF, BMP");
  if (format === "heic") throw fail("it is a HEIC photo, convert it to JPEG first");
  const { width, height } = format === "bmp" ? decodeBmp(await readFile(path), called, MAX_PIXELS) : await header(path);
  const fault = sizeFault({ width, height }, MAX_PIXELS);
  if (fault !== undefined) throw fail(fault);
  return { format, width, height };

  async function header(file: string): Promise<{ width: number; height: number }> {
    try {
      // The limit is ours to check: libvips' own would not say what is wrong.
      return await sharp(file, { limitInputPixels: false, pages: 1 }).metadata();
    } catch (error) {
      if (error instanceof GraftError) throw error;
      throw fail(
        "the file is cut off or damaged, or a rare variant of its format: save it again as PNG or JPEG",
        error,
      );
    }
  }
}
