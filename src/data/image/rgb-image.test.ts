import { expect, test } from "vitest";
import { pixelFault } from "./rgb-image.ts";

test("pixelFault finds pixels that a model cannot use", () => {
  expect(pixelFault({ width: 2, height: 1, data: new Uint8Array(6) })).toBeUndefined();
  expect(pixelFault({ width: 2, height: 1, data: Buffer.alloc(6) })).toBeUndefined();
  expect(pixelFault(undefined)).toContain("it is undefined");
  expect(pixelFault("a.png")).toContain('it is "a.png"');
  expect(pixelFault({ width: 0, height: 1, data: new Uint8Array(0) })).toContain("its size is 0 × 1");
  expect(pixelFault({ width: 1.5, height: 1, data: new Uint8Array(4) })).toContain("1.5 × 1");
  expect(pixelFault({ width: 2, height: 1, data: new Float32Array(6) })).toContain("a Float32Array of 24 bytes");
  expect(pixelFault({ width: 2, height: 1, data: new Uint8Array(8) })).toBe(
    "8 bytes are not 2 × 1 pixels of red, green and blue",
  );
});
