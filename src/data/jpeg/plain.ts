/**
 * Whether a JPEG is of the simplest kind, by its header: baseline, three channels of eight bits, no colour profile or orientation, and
 * complete up to its end marker. Other JPEGs may be valid too.
 */

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
