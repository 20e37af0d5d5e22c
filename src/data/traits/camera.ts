/** The camera that took a picture, by its EXIF block. The input is untrusted: checks every offset. */
import sharp from "sharp";
import { sniffFormat } from "../../data/sniff.ts";

/** Tags of the first directory: who made the camera, and what it is called. */
const [MAKE, MODEL] = [0x010f, 0x0110];
/** ASCII, the one type that both tags have. */
const ASCII = 2;
/** Entries that are looked at: real directories have a few dozen. */
const MAX_ENTRIES = 512;
/** What the block begins with, how far into a JPEG it may begin, and how long it may be: a segment's 16 bits. */
const EXIF = "Exif\0\0";
const [BEFORE_EXIF, MAX_BLOCK] = [1 << 18, 1 << 16];
const MAX_LETTERS = 32;

/** The camera named in an image file, such as `Canon EOS 5D`; nothing where the file has no EXIF or names none. */
export async function cameraOf(file: Uint8Array): Promise<string | undefined> {
  if (sniffFormat(file) === "jpeg") {
    // Most pictures are JPEGs, whose block is found without a second look at the whole file.
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

/** Printable ASCII up to the first zero, spaces at the ends taken off. */
const textOf = (bytes: Uint8Array): string =>
  String.fromCharCode(...bytes)
    .replace(/\0.*$/s, "")
    .replace(/[^ -~]/g, "?")
    .trim();
