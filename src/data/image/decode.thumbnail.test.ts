import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp, { type Metadata } from "sharp";
import { expect, test } from "vitest";
import { thumbnail } from "./decode.ts";

const folder = mkdtempSync(join(tmpdir(), "graft-thumbnail-"));

/** The metadata of the thumbnail of a file with these bytes. */
async function shown(bytes: Uint8Array): Promise<Metadata> {
  const path = join(folder, "image");
  writeFileSync(path, bytes);
  return sharp(Buffer.from(await thumbnail(path, 32), "base64")).metadata();
}

const plain = sharp({ create: { width: 50, height: 20, channels: 3, background: "teal" } });

test("is a square JPEG for small and large images", async () => {
  for (const width of [3, 50, 400]) {
    const png = await plain.clone().resize(width, 20).png().toBuffer();
    expect(await shown(png)).toMatchObject({ format: "jpeg", width: 32, height: 32, channels: 3 });
  }
});

test("supports bitmaps, which sharp does not read", async () => {
  const bmp = Buffer.alloc(54 + 8);
  bmp.write("BM", "latin1");
  bmp.writeUInt32LE(54, 10);
  bmp.writeUInt32LE(40, 14);
  bmp.writeInt32LE(1, 18);
  bmp.writeInt32LE(2, 22);
  bmp.writeUInt16LE(24, 28);
  expect(await shown(bmp)).toMatchObject({ format: "jpeg", width: 32, height: 32 });
});

test("a file that is not an image is a data error", async () => {
  await expect(shown(Buffer.from("words"))).rejects.toMatchObject({ kind: "data" });
});
