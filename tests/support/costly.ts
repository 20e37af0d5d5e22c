/** Image files whose decoding costs far more than their size in bytes or pixels suggests. The files are small and made here. */
import sharp from "sharp";

const u16 = (value: number): Buffer => Buffer.from([value >> 8, value & 255]);
const u32 = (value: number): Buffer =>
  Buffer.from([value >>> 24, (value >> 16) & 255, (value >> 8) & 255, value & 255]);
const times = (piece: Uint8Array, count: number): Buffer => Buffer.alloc(piece.length * count, piece);

/** A plain image of one colour, as a file. */
export const flat = (
  width: number,
  height: number,
  format: "avif" | "jpeg" | "png" | "webp" | "gif" | "tiff",
  options = {},
) =>
  sharp({ create: { width, height, channels: 3, background: "rgb(90, 120, 60)" }, limitInputPixels: false })
    .toFormat(format, format === "avif" || format === "webp" ? { effort: 0, ...options } : options)
    .toBuffer();

const segment = (code: number, body: readonly number[]): Buffer =>
  Buffer.concat([Buffer.from([0xff, code]), u16(body.length + 2), Buffer.from(body)]);

/** A progressive greyscale JPEG with so many scans beside its first, each of a few bytes that say "nothing more". */
export function jpegOfScans(side: number, scans: number): Buffer {
  const blocks = Math.ceil(side / 8) ** 2;
  // Codes: 0 for a run of 16,384 to 32,767 empty blocks, whose length is in 14 bits; 10 for one.
  const bits = `${"0".padEnd(15, "1")}`.repeat(Math.floor(blocks / 32_767)) + "10".repeat(blocks % 32_767);
  const bytes = bits.match(/.{1,8}/g)!.flatMap((byte) => {
    const value = Number.parseInt(byte.padEnd(8, "1"), 2);
    return value === 255 ? [255, 0] : [value];
  });
  const more = Array.from({ length: scans }, (_, i) => {
    const at = 1 + (i % 63);
    return Buffer.concat([segment(0xda, [1, 1, 0, at, at, 0]), Buffer.from(bytes)]);
  });
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    segment(0xdb, [0, ...Array<number>(64).fill(1)]),
    segment(0xc2, [8, ...u16(side), ...u16(side), 1, 1, 0x11, 0]),
    segment(0xc4, [0x00, 1, ...Array<number>(15).fill(0), 0]),
    segment(0xc4, [0x10, 1, 1, ...Array<number>(14).fill(0), 0xe0, 0x00]),
    segment(0xda, [1, 1, 0, 0, 0, 0]),
    Buffer.alloc(Math.ceil(blocks / 8)),
    ...more,
    Buffer.from([0xff, 0xd9]),
  ]);
}

/** A JPEG with so many empty application segments. */
export async function jpegOfSegments(count: number): Promise<Buffer> {
  const jpeg = await flat(16, 16, "jpeg");
  return Buffer.concat([jpeg.subarray(0, 2), times(segment(0xe1, []), count), jpeg.subarray(2)]);
}

/** A GIF with so many frames of one pixel. */
export function gifOfFrames(count: number): Buffer {
  const head = Buffer.from("GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff", "latin1");
  const frame = Buffer.from([0x2c, 0, 0, 0, 0, 1, 0, 1, 0, 0, 2, 2, 0x44, 1, 0]);
  return Buffer.concat([head, times(frame, count), Buffer.from([0x3b])]);
}

/** A WebP with so many frames of one pixel. */
export async function webpOfFrames(count: number): Promise<Buffer> {
  const chunk = (type: string, body: Uint8Array): Buffer => {
    const size = Buffer.alloc(4);
    size.writeUInt32LE(body.length);
    return Buffer.concat([Buffer.from(type, "latin1"), size, body, Buffer.alloc(body.length & 1)]);
  };
  const still = (await flat(1, 1, "webp", { lossless: true })).subarray(12);
  const frame = chunk("ANMF", Buffer.concat([Buffer.alloc(12), Buffer.from([100, 0, 0, 0]), still]));
  const parts = [chunk("VP8X", Buffer.from([2, ...Array<number>(9).fill(0)])), chunk("ANIM", Buffer.alloc(6))];
  return chunk("RIFF", Buffer.concat([Buffer.from("WEBP"), ...parts, times(frame, count)]));
}

/** A TIFF of so many pages of one pixel, each with so many entries more that all name the same bytes. */
export function tiffOf(pages: number, entries: number, namedBytes: number): Buffer {
  const pageBytes = 2 + 12 * (9 + entries) + 4;
  const dataAt = 8 + pages * pageBytes;
  const file = Buffer.alloc(dataAt + Math.max(4, namedBytes));
  file.write("II*\0", "latin1");
  file.writeUInt32LE(8, 4);
  let at = 8;
  const entry = (tag: number, type: number, count: number, value: number): void => {
    file.writeUInt16LE(tag, at);
    file.writeUInt16LE(type, at + 2);
    file.writeUInt32LE(count, at + 4);
    if (type === 3) file.writeUInt16LE(value, at + 8);
    else file.writeUInt32LE(value, at + 8);
    at += 12;
  };
  for (let page = 0; page < pages; page++) {
    at = 8 + page * pageBytes;
    file.writeUInt16LE(9 + entries, at);
    at += 2;
    for (const [tag, value] of [
      [256, 1],
      [257, 1],
      [258, 8],
      [259, 1],
      [262, 1],
    ] as const)
      entry(tag, 3, 1, value);
    entry(273, 4, 1, dataAt);
    for (const tag of [277, 278]) entry(tag, 3, 1, 1);
    entry(279, 4, 1, 1);
    for (let i = 0; i < entries; i++) entry(40_000 + i, 1, namedBytes, dataAt);
    file.writeUInt32LE(page + 1 < pages ? 8 + (page + 1) * pageBytes : 0, at);
  }
  return file;
}

/** A PNG with so many empty chunks. */
export async function pngOfChunks(count: number): Promise<Buffer> {
  const png = await flat(16, 16, "png");
  const empty = Buffer.concat([u32(0), Buffer.from("juNk", "latin1"), u32(0x6ed32b9c)]);
  return Buffer.concat([png.subarray(0, 33), times(empty, count), png.subarray(33)]);
}

const box = (type: string, ...parts: readonly Uint8Array[]): Buffer => {
  const body = Buffer.concat(parts);
  return Buffer.concat([u32(body.length + 8), Buffer.from(type, "latin1"), body]);
};
const fullBox = (type: string, version: number, ...parts: readonly Uint8Array[]): Buffer =>
  box(type, Buffer.from([version, 0, 0, 0]), ...parts);
const boxOf = (file: Buffer, type: string): Buffer => {
  const at = file.indexOf(type) - 4;
  return file.subarray(at, at + file.readUInt32BE(at));
};

export interface Grid {
  /** An AVIF of one image, and the side that its tiles are said to have. */
  readonly tile: Buffer;
  readonly tileSide: number;
  readonly rows: number;
  readonly columns: number;
  /** What the whole is said to be. */
  readonly side: number;
  /** Tiles that are in the file; they are used again and again. */
  readonly tiles: number;
}

/** An AVIF whose image is put together from tiles. */
export function avifOfGrid({ tile, tileSide, rows, columns, side, tiles }: Grid): Buffer {
  const data = boxOf(tile, "mdat").subarray(8);
  const grid = Buffer.concat([Buffer.from([0, 1, rows - 1, columns - 1]), u32(side), u32(side)]);
  const ids = Array.from({ length: tiles }, (_, i) => u16(2 + i));
  const info = (id: Uint8Array, type: string): Buffer =>
    fullBox("infe", 2, id, u16(0), Buffer.from(`${type}\0`, "latin1"));
  const uses = Array.from({ length: rows * columns }, (_, i) => ids[i % tiles]!);
  const size = (of: number): Buffer => fullBox("ispe", 0, u32(of), u32(of));
  const properties = box("ipco", size(side), size(tileSide), boxOf(tile, "av1C"), boxOf(tile, "pixi"));
  const associations = [u16(1), Buffer.from([2, 1, 4]), ...ids.flatMap((id) => [id, Buffer.from([3, 2, 0x83, 4])])];
  const type = box("ftyp", Buffer.from("avif\0\0\0\0avifmif1miafMA1B", "latin1"));
  const meta = (at: number): Buffer => {
    const place = (id: Uint8Array, from: number, bytes: number): Buffer =>
      Buffer.concat([id, u16(0), u16(0), u16(1), u32(from), u32(bytes)]);
    return fullBox(
      "meta",
      0,
      fullBox("hdlr", 0, u32(0), Buffer.from("pict"), Buffer.alloc(13)),
      fullBox("pitm", 0, u16(1)),
      fullBox(
        "iloc",
        1,
        Buffer.from([0x44, 0]),
        u16(1 + tiles),
        place(u16(1), at, grid.length),
        ...ids.map((id) => place(id, at + grid.length, data.length)),
      ),
      fullBox("iinf", 0, u16(1 + tiles), info(u16(1), "grid"), ...ids.map((id) => info(id, "av01"))),
      fullBox("iref", 0, box("dimg", u16(1), u16(uses.length), ...uses)),
      box("iprp", properties, fullBox("ipma", 0, u32(1 + tiles), ...associations)),
    );
  };
  const before = type.length + meta(0).length + 8;
  return Buffer.concat([type, meta(before), box("mdat", grid, data)]);
}

/** An AVIF in whose data the same frame is coded so many times. */
export function avifOfFrames(image: Buffer, count: number): Buffer {
  const at = image.indexOf("mdat") + 4;
  const data = image.subarray(at);
  const head = Buffer.from(image.subarray(0, at));
  head.writeUInt32BE(data.length * count + 8, at - 8);
  // The length in `iloc`.
  const place = head.indexOf(u32(data.length), head.indexOf("iloc"));
  head.writeUInt32BE(data.length * count, place);
  return Buffer.concat([head, times(data, count)]);
}
