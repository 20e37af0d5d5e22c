/** Recognises image formats by a file's first bytes, whatever its name. Decodes nothing. */
import { readStart } from "../../base/files.ts";

/** The formats that are recognised. All are decoded except `heic`: there is no free decoder for its codec (HEVC). */
export type ImageFormat = "jpeg" | "png" | "gif" | "webp" | "tiff" | "bmp" | "avif" | "heic";

/** The number of bytes that {@link sniffFormat} reads. */
export const SNIFFED_BYTES = 64;

const ascii = (text: string): number[] => [...text].map((letter) => letter.charCodeAt(0));

const has = (bytes: Uint8Array, offset: number, wanted: readonly number[]): boolean =>
  wanted.every((byte, i) => bytes[offset + i] === byte);

/** Bytes at the start of a file and, if the start alone is ambiguous, bytes at a later offset. */
const signatures: readonly {
  readonly format: ImageFormat;
  readonly start: readonly number[];
  readonly later?: readonly [offset: number, bytes: readonly number[]] | undefined;
}[] = [
  { format: "jpeg", start: [0xff, 0xd8, 0xff] },
  { format: "png", start: [0x89, ...ascii("PNG\r\n"), 0x1a, 0x0a] },
  { format: "gif", start: ascii("GIF87a") },
  { format: "gif", start: ascii("GIF89a") },
  { format: "webp", start: ascii("RIFF"), later: [8, ascii("WEBP")] },
  { format: "tiff", start: [...ascii("II"), 42, 0] },
  { format: "tiff", start: [...ascii("MM"), 0, 42] },
  // BigTIFF
  { format: "tiff", start: [...ascii("II"), 43, 0] },
  { format: "tiff", start: [...ascii("MM"), 0, 43] },
];

/** The header sizes of Windows bitmaps. One of them or four reserved zeros must follow, because texts too may begin with "BM". */
const bmpHeaders = new Set([12, 16, 40, 52, 56, 64, 108, 124]);

const heifBrands: ReadonlyMap<string, ImageFormat> = new Map([
  ["avif", "avif"],
  ["avis", "avif"],
  ["heic", "heic"],
  ["heix", "heic"],
  ["hevc", "heic"],
  ["hevx", "heic"],
  ["heim", "heic"],
  ["heis", "heic"],
]);

/** The image format of a file that begins with `bytes`; undefined if it is not an image. */
export function sniffFormat(bytes: Uint8Array): ImageFormat | undefined {
  const known = signatures.find(
    ({ start, later }) => has(bytes, 0, start) && (later === undefined || has(bytes, later[0], later[1])),
  );
  if (known) return known.format;
  if (has(bytes, 0, ascii("BM")) && bytes.length >= 18) {
    const header = bytes[14]! | (bytes[15]! << 8) | (bytes[16]! << 16) | (bytes[17]! << 24);
    return bmpHeaders.has(header) || has(bytes, 6, [0, 0, 0, 0]) ? "bmp" : undefined;
  }
  return has(bytes, 4, ascii("ftyp")) ? heifFormat(bytes) : undefined;
}

/** ISO/IEC 14496-12 `ftyp`: the major brand, a version, then compatible brands, four letters each. */
function heifFormat(bytes: Uint8Array): ImageFormat | undefined {
  const end = Math.min(bytes.length, (bytes[2]! << 8) | bytes[3]!);
  for (let at = 8; at + 4 <= end; at += at === 8 ? 8 : 4) {
    const format = heifBrands.get(String.fromCharCode(...bytes.subarray(at, at + 4)));
    if (format) return format;
  }
  return undefined;
}

/** The image format of a file; undefined if it is not an image. Throws Node's errors. */
export async function sniffFile(path: string): Promise<ImageFormat | undefined> {
  return sniffFormat(await readStart(path, SNIFFED_BYTES));
}
