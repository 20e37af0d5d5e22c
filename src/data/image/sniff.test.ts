import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { SNIFFED_BYTES, sniffFile, sniffFormat } from "./sniff.ts";

const square = () => sharp({ create: { width: 8, height: 8, channels: 3, background: "red" } });

describe("sniffFormat", () => {
  it.each(["jpeg", "png", "gif", "webp", "tiff", "avif"] as const)("recognises %s by its content", async (format) => {
    const bytes = await square().toFormat(format).toBuffer();
    expect(sniffFormat(bytes)).toBe(format);
    expect(sniffFormat(bytes.subarray(0, SNIFFED_BYTES))).toBe(format);
  });

  it("recognises TIFFs of both byte orders, and BigTIFF", () => {
    for (const start of ["II*\0", "MM\0*", "II+\0", "MM\0+"]) expect(sniffFormat(Buffer.from(start))).toBe("tiff");
  });

  it("distinguishes HEIC from AVIF by the major brand or a compatible one", () => {
    const ftyp = (...brands: string[]) => {
      const [major, ...compatible] = brands;
      const body = Buffer.from(`ftyp${major}\0\0\0\0${compatible.join("")}`, "latin1");
      return Buffer.concat([Buffer.from([0, 0, 0, body.length + 4]), body]);
    };
    expect(sniffFormat(ftyp("heic", "mif1"))).toBe("heic");
    expect(sniffFormat(ftyp("mif1", "heic"))).toBe("heic");
    expect(sniffFormat(ftyp("mif1", "miaf", "avif"))).toBe("avif");
    expect(sniffFormat(ftyp("mp42", "isom"))).toBeUndefined();
    // A brand beyond the end of the box does not count.
    expect(sniffFormat(Buffer.concat([ftyp("mp42"), Buffer.from("avif")]))).toBeUndefined();
  });

  it("recognises no text as an image", () => {
    for (const text of ["", "B", "BM", "BMW and other makers of cars, 1916 to today", "GIF", "RIFF....WAVE", "<svg/>"])
      expect(sniffFormat(Buffer.from(text)), text).toBeUndefined();
  });

  it("never throws, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const tail = Buffer.from(bytes);
        for (const start of ["", "BM", "\0\0\0\x20ftyp", "RIFF", "\xff\xd8"])
          sniffFormat(Buffer.concat([Buffer.from(start, "latin1"), tail]));
      }),
    );
  });
});

describe("sniffFile", () => {
  it("reads the content, not the name, even of very short files", async () => {
    const folder = await mkdtemp(join(tmpdir(), "graft-sniff-"));
    try {
      await writeFile(join(folder, "a.txt"), await square().jpeg().toBuffer());
      await writeFile(join(folder, "b.jpg"), "");
      expect(await sniffFile(join(folder, "a.txt"))).toBe("jpeg");
      expect(await sniffFile(join(folder, "b.jpg"))).toBeUndefined();
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
