/** Windows bitmaps, which sharp does not write. */

export interface Bitmap {
  readonly width: number;
  readonly height: number;
  readonly bits: 8 | 24 | 32;
  readonly topDown?: boolean;
  /** `[height, width, 3]`, RGB, in reading order; with 8 bits of at most 256 colours. */
  readonly rgb: Uint8Array;
  /** Size of the header: 40 (BITMAPINFOHEADER) or 124 (V5). */
  readonly header?: 40 | 124;
  readonly compression?: number;
}

/** Writes a Windows bitmap. */
export function encodeBmp({
  width,
  height,
  bits,
  topDown = false,
  rgb,
  header = 40,
  compression = 0,
}: Bitmap): Uint8Array {
  const stride = Math.ceil((width * bits) / 32) * 4;
  const palette: string[] = [];
  const colourAt = (x: number, y: number): number[] => [...rgb.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
  const pixelsAt = 14 + header + (bits === 8 ? 1024 : 0);
  const bytes = Buffer.alloc(pixelsAt + stride * height);
  for (let y = 0; y < height; y++) {
    const row = pixelsAt + stride * (topDown ? y : height - 1 - y);
    for (let x = 0; x < width; x++) {
      const colour = colourAt(x, y);
      if (bits === 8) {
        const known = palette.indexOf(colour.join());
        const index = known >= 0 ? known : palette.push(colour.join()) - 1;
        bytes[row + x] = index;
        bytes.set(colour.toReversed(), 14 + header + index * 4);
      } else bytes.set(colour.toReversed(), row + x * (bits / 8));
    }
  }
  bytes.write("BM", 0, "latin1");
  bytes.writeUInt32LE(bytes.length, 2);
  bytes.writeUInt32LE(pixelsAt, 10);
  bytes.writeUInt32LE(header, 14);
  bytes.writeInt32LE(width, 18);
  bytes.writeInt32LE(topDown ? -height : height, 22);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(bits, 28);
  bytes.writeUInt32LE(compression, 30);
  return bytes;
}
