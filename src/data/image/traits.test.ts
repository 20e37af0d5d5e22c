import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp, { type Sharp } from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sha256 } from "../../base/files.ts";
import { openTraitCache } from "../../train/features/trait-cache.ts";
import { blockAverages, squareAverages } from "../copies/signature.ts";
import { decodeImage } from "./decode.ts";
import { cameraIn, measureTraits } from "./traits.ts";

const plain = (width: number, height: number, background: string): Sharp =>
  sharp({ create: { width, height, channels: 3, background } });

const measured = async (file: Buffer) => measureTraits(await decodeImage(file), file);

describe("measureTraits", () => {
  it("measures size, format, brightness and colour of a plain image", async () => {
    const traits = await measured(await plain(90, 60, "#ff0000").png().toBuffer());
    expect(traits).toMatchObject({ width: 90, height: 60, format: "png", camera: undefined });
    expect(traits.brightness).toBeCloseTo(0.299, 3);
    expect(traits.saturation).toBeCloseTo(1, 3);
    expect(traits.contrast).toBeCloseTo(0, 5);
    expect(traits.sharpness).toBeCloseTo(0, 5);
    expect([...traits.signature.colour.subarray(0, 3)]).toEqual([255, 0, 0]);
  });

  it("separates a border from its content", async () => {
    const framed = await plain(80, 80, "#00ff00")
      .extend({ top: 10, bottom: 10, left: 10, right: 10, background: "#0000ff" })
      .png()
      .toBuffer();
    const { border } = await measured(framed);
    expect(border.blue).toBeCloseTo(1, 3);
    expect(border.green).toBeCloseTo(0, 3);
    expect(border.spread).toBeCloseTo(0, 5);
  });

  it("measures a blurred image as less sharp", async () => {
    const noise = Uint8Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * 7919) % 256);
    const image = sharp(noise, { raw: { width: 64, height: 64, channels: 3 } });
    const [sharpened, blurred] = [
      await measured(await image.clone().png().toBuffer()),
      await measured(await image.clone().blur(3).png().toBuffer()),
    ];
    expect(blurred.sharpness).toBeLessThan(sharpened.sharpness / 5);
  });
});

describe("averages", () => {
  it("keep the mean for all sizes", () => {
    for (const [width, height] of [
      [1, 1],
      [5, 3],
      [16, 16],
      [700, 33],
    ] as const) {
      const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 31) % 251);
      const small = blockAverages({ width, height, data }, 1000);
      const square = squareAverages(small, 16);
      const mean = (values: ArrayLike<number>): number => Array.from(values).reduce((a, b) => a + b, 0) / values.length;
      expect(mean(square.data)).toBeCloseTo(mean(data), 2);
    }
  });

  it("reduce a large image below twice the side", () => {
    const { width, height } = blockAverages({ width: 1000, height: 300, data: new Uint8Array(900_000) }, 256);
    expect([width, height]).toEqual([333, 100]);
  });
});

describe("cameraIn", () => {
  /** An EXIF block of one directory with ASCII entries. */
  function exif(entries: readonly (readonly [tag: number, text: string])[], little = true): Buffer {
    const head = Buffer.alloc(6 + 8 + 2 + entries.length * 12 + 4);
    head.write("Exif\0\0", 0, "latin1");
    head.write(little ? "II" : "MM", 6, "latin1");
    const u16 = (value: number, at: number): number =>
      little ? head.writeUInt16LE(value, at) : head.writeUInt16BE(value, at);
    const u32 = (value: number, at: number): number =>
      little ? head.writeUInt32LE(value, at) : head.writeUInt32BE(value, at);
    u16(42, 8);
    u32(8, 10);
    u16(entries.length, 14);
    const texts: Buffer[] = [];
    let end = head.length - 6;
    entries.forEach(([tag, text], i) => {
      const at = 16 + i * 12;
      const bytes = Buffer.from(`${text}\0`, "latin1");
      u16(tag, at);
      u16(2, at + 2);
      u32(bytes.length, at + 4);
      u32(end, at + 8);
      texts.push(bytes);
      end += bytes.length;
    });
    return Buffer.concat([head, ...texts]);
  }

  it("reads maker and model in both byte orders", () => {
    for (const little of [true, false]) {
      expect(
        cameraIn(
          exif(
            [
              [0x010f, "Canon"],
              [0x0110, "EOS 5D"],
            ],
            little,
          ),
        ),
      ).toBe("Canon EOS 5D");
      expect(
        cameraIn(
          exif(
            [
              [0x010f, "Canon"],
              [0x0110, "Canon EOS 5D"],
            ],
            little,
          ),
        ),
      ).toBe("Canon EOS 5D");
    }
    expect(cameraIn(exif([]))).toBeUndefined();
  });

  it("survives every truncation and every changed byte", () => {
    const whole = exif([
      [0x010f, "Maker of cameras"],
      [0x0110, "Model"],
    ]);
    for (let end = 0; end < whole.length; end++) expect(() => cameraIn(whole.subarray(0, end))).not.toThrow();
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole);
      damaged[at] = 0xff;
      expect(() => cameraIn(damaged)).not.toThrow();
    }
  });

  it("finds the camera in a JPEG", async () => {
    const file = await plain(20, 20, "white")
      .withExif({ IFD0: { Make: "Nikon", Model: "D70" } })
      .jpeg()
      .toBuffer();
    expect((await measured(file)).camera).toBe("Nikon D70");
  });
});

describe("the cache of traits", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "graft-traits-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("returns the stored measurements without the image", async () => {
    const file = await plain(33, 21, "#336699")
      .withExif({ IFD0: { Model: "D70" } })
      .jpeg()
      .toBuffer();
    const path = join(folder, "a.jpg");
    await writeFile(path, file);
    const key = Buffer.from(sha256(file), "hex");
    const first = await openTraitCache(join(folder, "cache"));
    const [fresh] = await first.traitsOf([{ path, sha256: key }]);
    first.close();
    await rm(path);
    const second = await openTraitCache(join(folder, "cache"));
    const [kept] = await second.traitsOf([{ path, sha256: key }]);
    second.close();
    const expected = await measured(file);
    for (const traits of [fresh!, kept!]) {
      expect(traits).toMatchObject({ width: 33, height: 21, bytes: file.length, format: "jpeg", camera: "D70" });
      expect(traits.brightness).toBeCloseTo(expected.brightness, 6);
      expect(traits.border.blue).toBeCloseTo(expected.border.blue, 6);
      expect(traits.signature).toEqual(expected.signature);
    }
  });
});
