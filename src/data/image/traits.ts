/**
 * Measures what an image shows without knowing its label: size, brightness, sharpness, border, camera (from untrusted EXIF), and a
 * signature that finds it again after it was resized, recompressed or mirrored. Compares no images.
 */
import sharp from "sharp";
import { type Averages, type Signature, signatureOf, smallOf } from "../copies/signature.ts";
import type { RgbImage } from "./rgb-image.ts";
import { type ImageFormat, sniffFormat } from "./sniff.ts";

/** Measurements of one image. */
export interface Traits {
  /** In pixels, upright. */
  readonly width: number;
  readonly height: number;
  /** The size of the file. */
  readonly bytes: number;
  readonly format: ImageFormat;
  readonly camera: string | undefined;
  /** Mean luma, 0 (black) to 1 (white). */
  readonly brightness: number;
  /** Standard deviation of luma, 0 to 0.5. */
  readonly contrast: number;
  /** Mean difference between a pixel's strongest and weakest colour, 0 (grey) to 1. */
  readonly saturation: number;
  /**
   * Standard deviation of the Laplacian of luma, relative to white, at 128 to 255 pixels on the longer side; smaller images keep
   * their size. Source: Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000 (LAP4).
   */
  readonly sharpness: number;
  /** The outermost 3% of the shorter side: the mean colour (0 to 1) and its spread (standard deviation of luma). */
  readonly border: { readonly red: number; readonly green: number; readonly blue: number; readonly spread: number };
  readonly signature: Signature;
}

const BORDER_SHARE = 0.03;

/** Measures an image. `file` is the file that it was decoded from. */
export async function measureTraits(image: RgbImage, file: Uint8Array): Promise<Traits> {
  const small = smallOf(image);
  const luma = lumaOf(small);
  const { mean, deviation } = moments(luma);
  return {
    width: image.width,
    height: image.height,
    bytes: file.length,
    format: sniffFormat(file) ?? "bmp",
    camera: await cameraOf(file),
    brightness: mean,
    contrast: deviation,
    saturation: saturationOf(small),
    sharpness: moments(laplacian(luma, small)).deviation,
    border: borderOf(small, luma),
    signature: signatureOf(small),
  };
}

/** Rec. 601 luma of each pixel, 0 to 1. */
function lumaOf({ data }: Averages): Float32Array {
  const luma = new Float32Array(data.length / 3);
  for (let i = 0; i < luma.length; i++)
    luma[i] = (0.299 * data[3 * i]! + 0.587 * data[3 * i + 1]! + 0.114 * data[3 * i + 2]!) / 255;
  return luma;
}

function moments(values: Float32Array): { mean: number; deviation: number } {
  let [sum, squares] = [0, 0];
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  const mean = values.length > 0 ? sum / values.length : 0;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - mean) ** 2;
  return { mean, deviation: values.length > 0 ? Math.sqrt(squares / values.length) : 0 };
}

function saturationOf({ data }: Averages): number {
  let sum = 0;
  for (let i = 0; i < data.length; i += 3) {
    const [red, green, blue] = [data[i]!, data[i + 1]!, data[i + 2]!];
    sum += Math.max(red, green, blue) - Math.min(red, green, blue);
  }
  return sum / (data.length / 3) / 255;
}

/** The four neighbours minus four times the pixel, at every pixel that is not at an edge. */
function laplacian(luma: Float32Array, { width, height }: Averages): Float32Array {
  if (width < 3 || height < 3) return new Float32Array(0);
  const values = new Float32Array((width - 2) * (height - 2));
  let to = 0;
  for (let y = 1; y < height - 1; y++) {
    for (let at = y * width + 1; at < (y + 1) * width - 1; at++)
      values[to++] = luma[at - 1]! + luma[at + 1]! + luma[at - width]! + luma[at + width]! - 4 * luma[at]!;
  }
  return values;
}

function borderOf({ width, height, data }: Averages, luma: Float32Array): Traits["border"] {
  const thick = Math.max(1, Math.round(BORDER_SHARE * Math.min(width, height)));
  const colour = [0, 0, 0];
  const own: number[] = [];
  for (let y = 0; y < height; y++) {
    const isEdgeRow = y < thick || y >= height - thick;
    for (let x = 0; x < width; x++) {
      if (!isEdgeRow && x >= thick && x < width - thick) continue;
      const at = y * width + x;
      own.push(luma[at]!);
      for (let c = 0; c < 3; c++) colour[c] = colour[c]! + data[at * 3 + c]! / 255;
    }
  }
  const [red, green, blue] = colour.map((sum) => sum / own.length) as [number, number, number];
  return { red, green, blue, spread: moments(Float32Array.from(own)).deviation };
}

// The camera, from EXIF.

/** The tags of the first directory for the camera's maker and model. */
const [MAKE, MODEL] = [0x010f, 0x0110];
/** The type of both tags. */
const ASCII = 2;
/** The most entries that are read; real directories have a few dozen. */
const MAX_ENTRIES = 512;
/** The start of the EXIF block, the last offset in a JPEG where it may begin, and its greatest length: a segment's 16 bits. */
const EXIF = "Exif\0\0";
const [BEFORE_EXIF, MAX_BLOCK] = [1 << 18, 1 << 16];
const MAX_LETTERS = 32;

/** The camera named in an image file, such as `Canon EOS 5D`; undefined without EXIF or without a name. */
export async function cameraOf(file: Uint8Array): Promise<string | undefined> {
  if (sniffFormat(file) === "jpeg") {
    // Most images are JPEGs, whose EXIF block is found without reading the whole file again.
    const { buffer, byteOffset, byteLength } = file;
    const at = Buffer.from(buffer, byteOffset, Math.min(byteLength, BEFORE_EXIF)).indexOf(EXIF);
    return at < 0 ? undefined : cameraIn(file.subarray(at, at + MAX_BLOCK));
  }
  const { exif } = await sharp(file)
    .metadata()
    .catch(() => ({ exif: undefined }));
  return exif ? cameraIn(exif) : undefined;
}

/**
 * The camera in an EXIF block: `Exif\0\0`, then a TIFF header and its first directory. Source: CIPA DC-008 (Exif 2.32),
 * section 4.5.
 */
export function cameraIn(exif: Uint8Array): string | undefined {
  const start = String.fromCharCode(...exif.subarray(0, EXIF.length)) === EXIF ? EXIF.length : 0;
  const tiff = exif.subarray(start);
  if (tiff.length < 8) return undefined;
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength);
  const order = view.getUint16(0);
  if (order !== 0x4949 && order !== 0x4d4d) return undefined;
  const little = order === 0x4949;
  const directory = view.getUint32(4, little);
  if (directory + 2 > tiff.length) return undefined;
  const entries = Math.min(view.getUint16(directory, little), MAX_ENTRIES);
  const texts = new Map<number, string>();
  for (let entry = 0; entry < entries; entry++) {
    const at = directory + 2 + entry * 12;
    if (at + 12 > tiff.length) break;
    const tag = view.getUint16(at, little);
    if ((tag !== MAKE && tag !== MODEL) || view.getUint16(at + 2, little) !== ASCII) continue;
    const letters = view.getUint32(at + 4, little);
    const from = letters <= 4 ? at + 8 : view.getUint32(at + 8, little);
    if (from + letters <= tiff.length) texts.set(tag, textOf(tiff.subarray(from, from + Math.min(letters, 64))));
  }
  const [make = "", model = ""] = [texts.get(MAKE), texts.get(MODEL)];
  const named = model.toLowerCase().startsWith(make.toLowerCase()) ? model : `${make} ${model}`;
  const camera = named.trim().slice(0, MAX_LETTERS);
  return camera === "" ? undefined : camera;
}

/** Printable ASCII up to the first zero, trimmed. */
const textOf = (bytes: Uint8Array): string =>
  String.fromCharCode(...bytes)
    .replace(/\0.*$/s, "")
    .replace(/[^ -~]/g, "?")
    .trim();
