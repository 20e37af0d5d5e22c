/** Files that cost a decoder far more than their size suggests: refused before decoding. Other files are decoded as usual. */
import fc from "fast-check";
import sharp from "sharp";
import { beforeAll, describe, expect, it } from "vitest";
import {
  avifOfFrames,
  avifOfGrid,
  flat,
  gifOfFrames,
  jpegOfScans,
  jpegOfSegments,
  pngOfChunks,
  tiffOf,
  webpOfFrames,
} from "../../../tests/support/costly.ts";
import { decodeImage } from "./decode.ts";
import { partsOf } from "./image-parts.ts";
import { sniffFormat } from "./sniff.ts";

const parts = (bytes: Uint8Array) => partsOf(bytes, sniffFormat(bytes)!);
const refused = async (bytes: Uint8Array, reason: string): Promise<void> => {
  expect(parts(bytes).fault).toContain(reason);
  await expect(decodeImage(bytes)).rejects.toMatchObject({ kind: "data", message: expect.stringContaining(reason) });
};

describe("parts are counted", () => {
  it("scans of a JPEG", async () => {
    expect(parts(jpegOfScans(256, 20)).scans).toBe(21);
    expect(await decodeImage(jpegOfScans(256, 20))).toMatchObject({ width: 256, height: 256 });
    await refused(jpegOfScans(256, 200), "more than 100 scans");
    for (const progressive of [false, true]) {
      const { scans } = parts(await flat(600, 400, "jpeg", { progressive }));
      expect(scans! > 1).toBe(progressive);
    }
  });

  it("scans of a small plain JPEG, which another decoder reads", async () => {
    const jpeg = await flat(64, 64, "jpeg");
    const scan = jpeg.subarray(jpeg.lastIndexOf(Buffer.from([0xff, 0xda])), -2);
    const many = Buffer.concat([jpeg.subarray(0, -2), ...Array<Buffer>(200).fill(scan), jpeg.subarray(-2)]);
    await refused(many, "more than 100 scans");
  });

  it("segments of a JPEG, chunks of a PNG", async () => {
    expect(await decodeImage(await jpegOfSegments(500))).toMatchObject({ width: 16 });
    await refused(await jpegOfSegments(100_000), "more than 5,000 segments");
    await refused(await pngOfChunks(200_000), "more than 100,000 chunks");
  });

  it("frames of a GIF and of a WebP", async () => {
    expect(await decodeImage(gifOfFrames(3000))).toMatchObject({ width: 1 });
    await refused(gifOfFrames(6000), "more than 5,000 frames");
    expect(await decodeImage(await webpOfFrames(1000))).toMatchObject({ width: 1 });
    await refused(await webpOfFrames(6000), "more than 5,000 frames");
  });

  it("pages of a TIFF, and the data that their entries point to", async () => {
    expect(await decodeImage(tiffOf(20, 0, 0))).toMatchObject({ width: 1 });
    await refused(tiffOf(6000, 0, 0), "more than 5,000 pages");
    expect(parts(tiffOf(10, 20_000, 8)).fault).toContain("entries");
    await refused(tiffOf(1, 500, 1e6), "name more data than it has");
  });
});

describe("the pixels of an AVIF are counted", () => {
  let tile: Buffer;
  beforeAll(async () => {
    tile = await flat(64, 64, "avif");
  });
  const grid = (rows: number, columns: number, side: number, tiles: number, tileSide = 64): Buffer =>
    avifOfGrid({ tile, tileSide, rows, columns, side, tiles });

  it("once for a single image", async () => {
    expect(parts(tile)).toEqual({ codedPixels: 64 * 64 });
    const alpha = await sharp(tile).ensureAlpha(0.5).avif().toBuffer();
    expect(parts(alpha)).toEqual({ codedPixels: 64 * 64 });
    const deep = await sharp(tile).avif({ bitdepth: 10 }).toBuffer();
    expect(parts(deep)).toEqual({ codedPixels: 64 * 64 });
  });

  it("for each tile of a grid, whatever size the image declares and however often a tile is used", async () => {
    expect(await decodeImage(grid(4, 4, 256, 16))).toMatchObject({ width: 256, height: 256 });
    for (const [side, tiles] of [
      [256, 16],
      [256, 1],
      [10, 16],
      [10, 1],
    ] as const)
      expect(parts(grid(4, 4, side, tiles)), `${side} ${tiles}`).toEqual({ codedPixels: 256 * 256 });
    expect(parts(grid(255, 256, 10, 1)).fault).toContain("rare variant of AVIF");
  });

  it("for each frame in its data", () => {
    expect(parts(avifOfFrames(tile, 7))).toEqual({ codedPixels: 7 * 64 * 64 });
  });

  it("and too many are refused before decoding", async () => {
    const large = await flat(2000, 2000, "avif");
    const frames = avifOfFrames(large, 40);
    const tiles = avifOfGrid({ tile: large, tileSide: 2000, rows: 4, columns: 10, side: 10, tiles: 1 });
    for (const bytes of [frames, tiles]) {
      expect(bytes.length).toBeLessThan(20_000);
      await expect(decodeImage(bytes)).rejects.toMatchObject({ code: "image-too-large" });
    }
    // A tile that declares less than its size: the decoder finds that out immediately.
    const lying = avifOfGrid({ tile: large, tileSide: 10, rows: 1, columns: 1, side: 10, tiles: 1 });
    await expect(decodeImage(lying)).rejects.toThrow("damaged, or a rare variant");
  });
});

describe("for any bytes", () => {
  it("nothing is thrown, and no time is wasted", async () => {
    const files = [
      ...(await Promise.all(
        (["avif", "jpeg", "png", "webp", "gif", "tiff"] as const).map((format) => flat(40, 30, format)),
      )),
      tiffOf(3, 4, 100),
      gifOfFrames(5),
      await webpOfFrames(5),
      avifOfGrid({ tile: await flat(64, 64, "avif"), tileSide: 64, rows: 2, columns: 2, side: 128, tiles: 4 }),
    ];
    const change = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.nat(files.length - 1), fc.array(change, { maxLength: 20 }), fc.nat(), (which, changes, cut) => {
        const bytes = Buffer.from(files[which]!);
        for (const [at, value] of changes) bytes[16 + (at % (bytes.length - 16))] = value;
        const part = bytes.subarray(0, Math.max(64, bytes.length - (cut % 200)));
        const format = sniffFormat(part);
        if (format) expect(partsOf(part, format)).toBeTypeOf("object");
      }),
      { numRuns: 2000 },
    );
  });
});
