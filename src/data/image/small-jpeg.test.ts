import fc from "fast-check";
import sharp, { type JpegOptions, type Sharp } from "sharp";
import { describe, expect, test } from "vitest";
import { decodeSmallJpeg, plainJpeg } from "./small-jpeg.ts";

interface Drawn {
  readonly width: number;
  readonly height: number;
  readonly seed: number;
}

/** Smooth shapes with some noise: a test for JPEG's blocks and the interpolation of its colours. */
function draw({ width, height, seed }: Drawn): Sharp {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y, c] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width), i % 3];
    return 128 + 90 * Math.sin((x * (c + 1) + y * (seed % 7) + seed) / 9) + ((i * seed) % 31);
  });
  return sharp(data, { raw: { width, height, channels: 3 } });
}

/** The pixels of libvips with the settings of decode.ts; undefined if it refuses the file. */
async function byLibvips(bytes: Uint8Array): Promise<Buffer | undefined> {
  try {
    return await sharp(bytes, { failOn: "error" }).toColourspace("srgb").raw().toBuffer();
  } catch {
    return undefined;
  }
}

const drawn = fc.record({
  width: fc.integer({ min: 1, max: 70 }),
  height: fc.integer({ min: 1, max: 70 }),
  seed: fc.nat(1000),
});
const baseline: JpegOptions = { optimiseCoding: false, progressive: false };
const encodings = fc.record({
  quality: fc.integer({ min: 1, max: 100 }),
  chromaSubsampling: fc.constantFrom("4:2:0", "4:4:4"),
  optimiseCoding: fc.boolean(),
});

describe("decodeSmallJpeg", () => {
  test("returns the same pixels as libvips, bit for bit", async () => {
    await fc.assert(
      fc.asyncProperty(drawn, encodings, async (sample, options) => {
        const bytes = await draw(sample).jpeg(options).toBuffer();
        const image = await decodeSmallJpeg(bytes);
        expect(image).toMatchObject({ width: sample.width, height: sample.height });
        expect(Buffer.compare(image!.data, (await byLibvips(bytes))!)).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  test("decodes no damaged image that libvips refuses", async () => {
    const [damaged, decoded] = [{ count: 0 }, { count: 0 }];
    await fc.assert(
      fc.asyncProperty(
        drawn,
        fc.array(fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        async (sample, spots, headerToo) => {
          const bytes = await draw(sample).jpeg(baseline).toBuffer();
          const from = headerToo ? 0 : bytes.indexOf(Buffer.from([0xff, 0xda])) + 14;
          for (const [where, value] of spots) bytes[from + Math.floor(where * (bytes.length - 2 - from))] = value;
          damaged.count++;
          const image = await decodeSmallJpeg(bytes);
          if (!image) return;
          decoded.count++;
          // Coefficients beyond what any encoder writes overflow differently in vector instructions, so pixels may differ.
          expect(await byLibvips(bytes)).toHaveLength(image.data.length);
        },
      ),
      { numRuns: 400 },
    );
    expect(decoded.count).toBeGreaterThan(damaged.count / 10);
  });

  test("decodes the next image after one that breaks the decoder", async () => {
    const whole = await draw({ width: 40, height: 30, seed: 5 }).jpeg(baseline).toBuffer();
    const broken = Buffer.from(whole);
    // The first Huffman table declares more codes than possible.
    broken.fill(255, broken.indexOf(Buffer.from([0xff, 0xc4])) + 5, broken.indexOf(Buffer.from([0xff, 0xc4])) + 12);
    expect(await decodeSmallJpeg(broken)).toBeUndefined();
    expect((await decodeSmallJpeg(whole))?.data).toHaveLength(3600);
  });

  test("leaves large images to libvips", async () => {
    const bytes = await draw({ width: 600, height: 500, seed: 1 }).jpeg(baseline).toBuffer();
    expect(plainJpeg(bytes)).toEqual({ width: 600, height: 500 });
    expect(await decodeSmallJpeg(bytes)).toBeUndefined();
  });
});

describe("plainJpeg", () => {
  const small = draw({ width: 8, height: 9, seed: 2 });

  test("returns the size", async () => {
    expect(plainJpeg(await small.clone().jpeg().toBuffer())).toEqual({ width: 8, height: 9 });
  });

  for (const [what, encoded] of [
    ["progressive", () => small.clone().jpeg({ progressive: true })],
    ["grey", () => small.clone().toColourspace("b-w").jpeg()],
    ["CMYK", () => small.clone().toColourspace("cmyk").jpeg()],
    ["EXIF", () => small.clone().withMetadata({ orientation: 6 }).jpeg()],
    ["a colour profile", () => small.clone().withIccProfile("p3").jpeg()],
    ["another format", () => small.clone().png()],
  ] as const) {
    test(`${what}: not plain`, async () => {
      expect(plainJpeg(await encoded().toBuffer())).toBeUndefined();
    });
  }

  test("an image that is cut off anywhere is not plain", async () => {
    const bytes = await small.clone().jpeg().toBuffer();
    for (let length = 0; length < bytes.length; length++)
      expect(plainJpeg(bytes.subarray(0, length)), `${length} bytes`).toBeUndefined();
  });

  test("never throws, whatever the bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (rest) => {
        plainJpeg(Uint8Array.of(0xff, 0xd8, 0xff, ...rest, 0xff, 0xd9));
      }),
    );
  });
});
