/** Images that are wrong about themselves, damaged or malicious. decode.test.ts covers valid ones. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import sharp from "sharp";
import { afterAll, describe, expect, it } from "vitest";
import { decodeImage } from "./decode.ts";

const folder = mkdtempSync(join(tmpdir(), "graft-untrusted-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const saved = (name: string, bytes: Uint8Array | string): string => {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
};

const noise = Uint8Array.from({ length: 64 * 48 * 3 }, (_, i) => (i * i * 7 + i * 13) % 256);
const noiseImage = () => sharp(noise, { raw: { width: 64, height: 48, channels: 3 } });

function chunk(type: string, body: Uint8Array): Buffer {
  const bytes = Buffer.alloc(12 + body.length);
  bytes.writeUInt32BE(body.length, 0);
  bytes.write(type, 4, "latin1");
  bytes.set(body, 8);
  bytes.writeUInt32BE(crc32(bytes.subarray(4, 8 + body.length)), 8 + body.length);
  return bytes;
}

/** A greyscale PNG of one bit per pixel that declares a size and contains `rows` black rows. */
function png(width: number, height: number, rows: number): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = 1;
  const pixels = deflateSync(Buffer.alloc((1 + Math.ceil(width / 8)) * rows), { level: 1 });
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", pixels), chunk("IEND", Buffer.alloc(0))]);
}

describe("names", () => {
  it("do not matter: the content decides", async () => {
    const jpeg = await noiseImage().jpeg().toBuffer();
    const { data } = await decodeImage(jpeg);
    for (const name of ["a.txt", "b.png", "c"]) expect((await decodeImage(saved(name, jpeg))).data).toEqual(data);
  });

  it("are in the error, with the reason, as one sentence", async () => {
    const reasons: [string, Uint8Array | string, RegExp][] = [
      ["empty.jpg", "", /the file is empty/],
      ["words.jpg", "these are words", /not an image in a supported format/],
      [
        "drawing.png",
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
        /not an image in a supported format/,
      ],
      ["photo.jpg", "\0\0\0\x18ftypheic\0\0\0\0mif1heic", /a HEIC photo, convert it to JPEG/],
      ["starts-well.png", Buffer.from("\x89PNG\r\n\x1a\nand then not", "latin1"), /cut off or damaged/],
      ["starts-well.gif", "GIF89a", /cut off or damaged/],
      ["starts-well.tif", "II*\0", /cut off or damaged/],
    ];
    for (const [name, content, reason] of reasons) {
      const path = saved(name, content);
      const failure = await decodeImage(path).catch((error: Error) => error);
      expect(failure, name).toMatchObject({ name: "GraftError", kind: "data", message: expect.stringMatching(reason) });
      expect((failure as Error).message.startsWith(`Could not read ${path}: `)).toBe(true);
      expect((failure as Error).message).toMatch(/^[^\n]+\.$/);
    }
    await expect(decodeImage(join(folder, "none.jpg"))).rejects.toThrow("none.jpg: it does not exist");
    await expect(decodeImage(folder)).rejects.toThrow("it is not a file");
  });
});

describe("damage", () => {
  it.each(["jpeg", "png", "webp", "gif", "tiff", "avif"] as const)(
    "%s cut off: said, not filled up",
    async (format) => {
      const whole = await noiseImage().toFormat(format).toBuffer();
      for (const share of [0.3, 0.6, 0.9]) {
        const part = whole.subarray(0, whole.length * share);
        await expect(decodeImage(part), `${share}`).rejects.toThrow("the file is cut off or damaged");
      }
    },
  );

  it("gives the same error for each image while many are decoded at once", async () => {
    const whole = await noiseImage().jpeg().toBuffer();
    const part = whole.subarray(0, whole.length * 0.6);
    const decodings = Array.from({ length: 200 }, (_, i) => decodeImage(i % 2 === 0 ? whole : part));
    const reasons = (await Promise.allSettled(decodings)).map((outcome) =>
      outcome.status === "rejected" ? String(outcome.reason) : "read",
    );
    expect(new Set(reasons.filter((_, i) => i % 2 === 0))).toEqual(new Set(["read"]));
    expect(new Set(reasons.filter((_, i) => i % 2 === 1)).size).toBe(1);
    expect(reasons[1]).toContain("cut off or damaged");
  });

  it("a progressive JPEG cut off", async () => {
    const whole = await noiseImage().jpeg({ progressive: true }).toBuffer();
    await expect(decodeImage(whole.subarray(0, whole.length * 0.7))).rejects.toThrow("cut off or damaged");
  });

  it("a PNG with a flipped bit", async () => {
    const bytes = await noiseImage().png().toBuffer();
    bytes[Math.floor(bytes.length * 0.6)]! ^= 4;
    await expect(decodeImage(bytes)).rejects.toThrow("cut off or damaged");
  });

  it("stray bytes between the parts of a JPEG and after its end, as cameras write them, do no harm", async () => {
    const bytes = await noiseImage().jpeg().toBuffer();
    const at = bytes.indexOf(Buffer.from([0xff, 0xc4]));
    const strewn = Buffer.concat([bytes.subarray(0, at), Buffer.alloc(3), bytes.subarray(at), Buffer.from("tail")]);
    expect([...(await decodeImage(strewn)).data]).toEqual([...(await decodeImage(bytes)).data]);
  });
});

describe("size", () => {
  it("30,000 × 30,000 in a few bytes is refused before decoding", async () => {
    const bomb = png(30_000, 30_000, 1);
    expect(bomb.length).toBeLessThan(200);
    await expect(decodeImage(bomb)).rejects.toThrow("it has more than 100 megapixels, resize it first");
  });

  it("a real image of 100.02 megapixels in 12 kB is refused too, and one below the limit is read", async () => {
    const bomb = png(16_670, 6_000, 6_000);
    expect(bomb.length).toBeLessThan(100_000);
    await expect(decodeImage(bomb)).rejects.toThrow("megapixels");
    const small = png(1_000, 100, 100);
    await expect(decodeImage(small, 99_999)).rejects.toThrow("0.099999 megapixels");
    expect((await decodeImage(small, 100_000)).data).toHaveLength(300_000);
  });

  it("an image of 1 × 201 pixels is refused, 1 × 200 is read", async () => {
    await expect(decodeImage(png(1, 201, 201))).rejects.toThrow("one side is more than 200 times the other");
    await expect(decodeImage(png(201, 1, 1))).rejects.toThrow("200 times");
    expect(await decodeImage(png(1, 200, 200))).toMatchObject({ width: 1, height: 200 });
  });
});

describe("colour", () => {
  const close = (data: Uint8Array, wanted: readonly number[], tolerance: number): void =>
    wanted.forEach((value, c) => {
      expect(Math.abs(data[c]! - value), `${data.subarray(0, 3)}`).toBeLessThanOrEqual(tolerance);
    });
  const solid = () => sharp({ create: { width: 16, height: 16, channels: 3, background: "rgb(200, 60, 30)" } });

  it("an embedded profile is applied", async () => {
    const wide = await solid().withIccProfile("p3").png().toBuffer();
    const stored = await sharp(wide, { ignoreIcc: true }).raw().toBuffer();
    expect(stored[0]).toBeLessThan(190);
    close((await decodeImage(wide)).data, [200, 60, 30], 1);
  });

  it("CMYK goes through its profile", async () => {
    const jpeg = await solid().withIccProfile("cmyk").jpeg({ quality: 100 }).toBuffer();
    expect((await sharp(jpeg).metadata()).space).toBe("cmyk");
    // Inks cannot print this blue.
    close((await decodeImage(jpeg)).data, [200, 60, 15], 12);
  });
});

/** A bitmap of 32 bits with masks, two pixels. */
function masked(masks: readonly number[], pixels: readonly number[], header = 108): Buffer {
  const bytes = Buffer.alloc(14 + header + 8);
  bytes.write("BM");
  bytes.writeUInt32LE(14 + header, 10);
  bytes.writeUInt32LE(header, 14);
  bytes.writeInt32LE(2, 18);
  bytes.writeInt32LE(1, 22);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(32, 28);
  bytes.writeUInt32LE(3, 30);
  masks.forEach((mask, i) => {
    bytes.writeUInt32LE(mask, 54 + i * 4);
  });
  bytes.set(pixels, 14 + header);
  return bytes;
}

/** A bitmap with a palette, one row. */
function indexed(bits: number, width: number, row: readonly number[], palette: readonly number[]): Buffer {
  const bytes = Buffer.alloc(54 + palette.length + Math.ceil((width * bits) / 32) * 4);
  bytes.write("BM");
  bytes.writeUInt32LE(54 + palette.length, 10);
  bytes.writeUInt32LE(40, 14);
  bytes.writeInt32LE(width, 18);
  bytes.writeInt32LE(1, 22);
  bytes.writeUInt16LE(bits, 28);
  bytes.writeUInt32LE(palette.length / 4, 46);
  bytes.set(palette, 54);
  bytes.set(row, 54 + palette.length);
  return bytes;
}

describe("unusual Windows bitmaps", () => {
  const pixel = [10, 20, 30, 255, 10, 20, 30, 0];

  it("masks define the order, and alpha is composited over white", async () => {
    const bgra = masked([0xff0000, 0xff00, 0xff, 0xff000000], pixel);
    expect([...(await decodeImage(bgra)).data]).toEqual([30, 20, 10, 255, 255, 255]);
    const rgbx = masked([0xff, 0xff00, 0xff0000, 0], pixel);
    expect([...(await decodeImage(rgbx)).data]).toEqual([10, 20, 30, 10, 20, 30]);
    await expect(decodeImage(masked([0x3ff00000, 0xffc00, 0x3ff, 0], pixel))).rejects.toThrow("8 bits each");
  });

  it("1 and 4 bits, leftmost pixel in the highest bits", async () => {
    const palette = [1, 2, 3, 0, 4, 5, 6, 0];
    expect([...(await decodeImage(indexed(1, 3, [0b01000000], palette))).data]).toEqual([3, 2, 1, 6, 5, 4, 3, 2, 1]);
    expect([...(await decodeImage(indexed(4, 3, [0x10, 0x10], palette))).data]).toEqual([6, 5, 4, 3, 2, 1, 6, 5, 4]);
  });

  it("a colour outside of the palette and run lengths are refused", async () => {
    await expect(decodeImage(indexed(4, 2, [0x02], [1, 2, 3, 0]))).rejects.toThrow("a colour that its palette lacks");
    const packed = indexed(8, 2, [2, 0], [1, 2, 3, 0]);
    packed.writeUInt32LE(1, 30);
    await expect(decodeImage(packed)).rejects.toThrow("run-length compressed");
  });
});
