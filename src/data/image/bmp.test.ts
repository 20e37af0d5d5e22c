import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Bitmap, encodeBmp } from "../../../tests/support/bmp.ts";
import { decodeImage } from "./decode.ts";

const bitmaps = fc
  .record({
    width: fc.integer({ min: 1, max: 9 }),
    height: fc.integer({ min: 1, max: 9 }),
    bits: fc.constantFrom(8 as const, 24 as const, 32 as const),
    topDown: fc.boolean(),
    header: fc.constantFrom(40 as const, 124 as const),
  })
  .chain((shape) => {
    const count = shape.width * shape.height * 3;
    return fc
      .uint8Array({ minLength: count, maxLength: count })
      .map((rgb): Bitmap => ({ ...shape, compression: shape.bits === 32 ? 3 : 0, rgb }));
  });

const square: Bitmap = { width: 4, height: 4, bits: 24, rgb: new Uint8Array(48).fill(7) };

/** The same file with some of its bytes changed. */
const patched = (of: Bitmap, patch: (bytes: Buffer) => void): Uint8Array => {
  const bytes = Buffer.from(encodeBmp(of));
  patch(bytes);
  return bytes;
};

describe("Windows bitmaps", () => {
  test("8, 24 and 32 bits, bottom-up or top-down, of any size, give the exact pixels", async () => {
    await fc.assert(
      fc.asyncProperty(bitmaps, async (bitmap) => {
        const { width, height, data } = await decodeImage(encodeBmp(bitmap));
        expect([width, height]).toEqual([bitmap.width, bitmap.height]);
        expect([...data]).toEqual([...bitmap.rgb]);
      }),
    );
  });

  test("a header that does not match the file is an error with the reason", async () => {
    const refused: [Uint8Array, string][] = [
      [encodeBmp(square).subarray(0, 90), "cut off"],
      [encodeBmp(square).subarray(0, 40), "cut off"],
      [encodeBmp({ ...square, compression: 1 }), "24 bits with compression 1"],
      [patched(square, (bytes) => bytes.writeUInt16LE(16, 28)), "16 bits"],
      [patched(square, (bytes) => bytes.writeInt32LE(0, 18)), "no pixels"],
      [patched(square, (bytes) => bytes.writeInt32LE(-4, 18)), "no pixels"],
      [patched(square, (bytes) => bytes.writeInt32LE(0, 22)), "no pixels"],
      [patched(square, (bytes) => bytes.writeInt32LE(-(2 ** 31), 22)), "megapixels"],
      [patched(square, (bytes) => bytes.writeInt32LE(2 ** 31 - 1, 18)), "megapixels"],
      [patched(square, (bytes) => bytes.writeUInt32LE(2 ** 32 - 1, 10)), "cut off"],
      [patched({ ...square, bits: 8 }, (bytes) => bytes.writeUInt32LE(2 ** 32 - 1, 14)), "palette"],
    ];
    for (const [bytes, reason] of refused) await expect(decodeImage(bytes)).rejects.toThrow(reason);
  });

  test("a damaged bitmap gives an image or a data error, never another error", async () => {
    await fc.assert(
      fc.asyncProperty(
        bitmaps,
        fc.integer({ min: 2, max: 53 }),
        fc.integer({ min: 0, max: 255 }),
        async (bitmap, at, value) => {
          const bytes = patched(bitmap, (file) => {
            file[at] = value;
          });
          const failure = await decodeImage(bytes).then(
            () => undefined,
            (error: unknown) => error,
          );
          if (failure !== undefined) expect(failure).toMatchObject({ name: "GraftError", kind: "data" });
        },
      ),
    );
  });
});
