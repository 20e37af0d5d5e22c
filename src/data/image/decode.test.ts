import { fileURLToPath } from "node:url";
import sharp, { type Sharp } from "sharp";
import { describe, expect, test } from "vitest";
import { decodeImage, type RgbImage } from "./decode.ts";

/** Four quarters, clockwise from the top left: red, green, white, blue. */
const colours = { red: [255, 0, 0], green: [0, 255, 0], blue: [0, 0, 255], white: [255, 255, 255] } as const;
type Colour = readonly number[];

/** Raw pixels of an image whose quarters have these colours: top left, top right, bottom left, bottom right. */
function quarters(width: number, height: number, [a, b, c, d]: readonly [Colour, Colour, Colour, Colour]): Uint8Array {
  const channels = a.length;
  const data = new Uint8Array(width * height * channels);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const top = y < height / 2;
      const left = x < width / 2;
      data.set(top ? (left ? a : b) : left ? c : d, (y * width + x) * channels);
    }
  }
  return data;
}

const four = [colours.red, colours.green, colours.blue, colours.white] as const;
const pixels = (width = 40, height = 20): Sharp =>
  sharp(quarters(width, height, four), { raw: { width, height, channels: 3 } });

/** The colours in the middles of the four quarters, in reading order. */
function middles({ width, height, data }: RgbImage): number[][] {
  expect(data).toHaveLength(width * height * 3);
  return [0.25, 0.75].flatMap((v) =>
    [0.25, 0.75].map((u) => {
      const at = (Math.floor(v * height) * width + Math.floor(u * width)) * 3;
      return [...data.subarray(at, at + 3)];
    }),
  );
}

function expectColours(image: RgbImage, expected: readonly Colour[], tolerance: number): void {
  middles(image).forEach((colour, i) => {
    colour.forEach((value, c) => {
      expect(Math.abs(value - expected[i]![c]!), `quarter ${i}: ${colour}`).toBeLessThanOrEqual(tolerance);
    });
  });
}

const message = async (bytes: Uint8Array, maxPixels?: number): Promise<string> => {
  try {
    await decodeImage(bytes, maxPixels);
  } catch (error) {
    expect(error).toMatchObject({ name: "GraftError", kind: "data" });
    return (error as Error).message;
  }
  throw new Error("It was decoded.");
};

describe("decodeImage", () => {
  for (const [format, tolerance] of [
    ["png", 0],
    ["jpeg", 12],
    ["webp", 12],
    ["tiff", 12],
    ["gif", 2],
    ["avif", 16],
  ] as const) {
    test(`${format}`, async () => {
      const image = await decodeImage(await pixels().toFormat(format).toBuffer());
      expect([image.width, image.height]).toEqual([40, 20]);
      expectColours(image, four, tolerance);
    });
  }

  test("every EXIF orientation gives an upright image", async () => {
    const { red, green, blue, white } = colours;
    // How a viewer shows the stored quarters red green / blue white, by orientation (EXIF 2.3, table 6).
    const upright: Record<number, readonly Colour[]> = {
      1: [red, green, blue, white],
      2: [green, red, white, blue],
      3: [white, blue, green, red],
      4: [blue, white, red, green],
      5: [red, blue, green, white],
      6: [blue, red, white, green],
      7: [white, green, blue, red],
      8: [green, white, red, blue],
    };
    for (const [orientation, expected] of Object.entries(upright)) {
      const stored = await pixels()
        .withMetadata({ orientation: Number(orientation) })
        .jpeg()
        .toBuffer();
      const image = await decodeImage(stored);
      expect([image.width, image.height]).toEqual(Number(orientation) < 5 ? [40, 20] : [20, 40]);
      expectColours(image, expected, 12);
    }
  });

  test("greyscale becomes three equal channels", async () => {
    const grey = quarters(40, 20, [[0], [80], [160], [255]]);
    const png = await sharp(grey, { raw: { width: 40, height: 20, channels: 1 } })
      .toColourspace("b-w")
      .png()
      .toBuffer();
    expect((await sharp(png).metadata()).channels).toBe(1);
    expect(middles(await decodeImage(png))).toEqual([0, 80, 160, 255].map((value) => [value, value, value]));
  });

  test("alpha is composited over white, in colour and grey", async () => {
    const half = quarters(40, 20, [
      [255, 0, 0, 255],
      [255, 0, 0, 0],
      [0, 0, 0, 128],
      [0, 0, 255, 255],
    ]);
    const png = await sharp(half, { raw: { width: 40, height: 20, channels: 4 } })
      .png()
      .toBuffer();
    const image = await decodeImage(png);
    const expected = [colours.red, colours.white, [127, 127, 127], colours.blue];
    expectColours(image, expected, 1);
    const grey = quarters(40, 20, [
      [0, 255],
      [0, 0],
      [100, 255],
      [0, 128],
    ]);
    const greyPng = await sharp(grey, { raw: { width: 40, height: 20, channels: 2 } })
      .toColourspace("b-w")
      .png()
      .toBuffer();
    expect((await sharp(greyPng).metadata()).channels).toBe(2);
    const expectedGrey = [0, 255, 100, 127].map((value) => [value, value, value]);
    expectColours(await decodeImage(greyPng), expectedGrey, 1);
  });

  test("16 bits become 8", async () => {
    const deep = Uint16Array.from(quarters(40, 20, four), (value) => value * 257);
    const png = await sharp(deep, { raw: { width: 40, height: 20, channels: 3 } })
      .toColourspace("rgb16")
      .png()
      .toBuffer();
    expect((await sharp(png).metadata()).depth).toBe("ushort");
    expectColours(await decodeImage(png), four, 1);
    const levels = Uint16Array.from(quarters(40, 20, [[0], [80], [160], [255]]), (value) => value * 257);
    const grey = await sharp(levels, { raw: { width: 40, height: 20, channels: 1 } })
      .toColourspace("grey16")
      .png()
      .toBuffer();
    expect(await sharp(grey).metadata()).toMatchObject({ depth: "ushort", channels: 1 });
    expectColours(
      await decodeImage(grey),
      [0, 80, 160, 255].map((value) => [value, value, value]),
      1,
    );
  });

  test("CMYK becomes RGB", async () => {
    // Colours that inks can print; the conversion uses a profile, so it is not exact.
    const inks = [
      [200, 60, 50],
      [60, 160, 80],
      [50, 70, 160],
      [255, 255, 255],
    ] as const;
    const jpeg = await sharp(quarters(40, 20, inks), { raw: { width: 40, height: 20, channels: 3 } })
      .toColourspace("cmyk")
      .jpeg()
      .toBuffer();
    expect(await sharp(jpeg).metadata()).toMatchObject({ space: "cmyk", channels: 4 });
    expectColours(await decodeImage(jpeg), inks, 30);
  });

  test("a palette is converted to RGB", async () => {
    const png = await pixels().png({ palette: true, colours: 4 }).toBuffer();
    expect((await sharp(png).metadata()).isPalette).toBe(true);
    expectColours(await decodeImage(png), four, 2);
  });

  test("an animation gives its first frame", async () => {
    const frames = new Uint8Array([
      ...quarters(8, 8, [colours.red, colours.red, colours.red, colours.red]),
      ...quarters(8, 8, [colours.blue, colours.blue, colours.blue, colours.blue]),
    ]);
    for (const format of ["gif", "webp"] as const) {
      const animation = await sharp(frames, { raw: { width: 8, height: 16, channels: 3, pageHeight: 8 } })
        .toFormat(format)
        .toBuffer();
      expect((await sharp(animation).metadata()).pages).toBe(2);
      const image = await decodeImage(animation);
      expect([image.width, image.height]).toEqual([8, 8]);
      expectColours(image, [colours.red, colours.red, colours.red, colours.red], 4);
    }
  });

  test("one pixel is an image", async () => {
    const image = await decodeImage(await pixels(1, 1).png().toBuffer());
    expect([...image.data]).toEqual([255, 0, 0]);
  });

  test("an image that is cut off anywhere is an error, never half grey", async () => {
    for (const format of ["jpeg", "png"] as const) {
      const whole = await sharp(quarters(200, 100, four), { raw: { width: 200, height: 100, channels: 3 } })
        .toFormat(format)
        .toBuffer();
      for (const share of [0.2, 0.5, 0.8]) {
        expect(await message(whole.subarray(0, whole.length * share))).toMatch(/^Could not read the image: .+\.$/);
      }
    }
  });

  test("a file that is not an image, an empty file or an unsupported format is an error that says so", async () => {
    expect(await message(new Uint8Array(0))).toBe("Could not read the image: the file is empty.");
    expect(await message(Buffer.from("these are words"))).toContain("it is not an image in a supported format");
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    expect(await message(svg)).toContain("(JPEG, PNG");
    const folder = fileURLToPath(new URL(".", import.meta.url));
    await expect(decodeImage(folder)).rejects.toThrow(/^Could not read .*data/);
    await expect(decodeImage(`${folder}none.jpg`)).rejects.toMatchObject({ kind: "data" });
  });

  test("more pixels than allowed are refused before decoding, in any orientation", async () => {
    const png = await pixels(40, 20).png().toBuffer();
    expect(await message(png, 799)).toContain("megapixels, resize it first");
    expect((await decodeImage(png, 800)).width).toBe(40);
  });
});
