import sharp from "sharp";
import { describe, expect, it } from "vitest";
import type { Fit } from "../networks/preprocessing/preprocessing.ts";
import { overlay } from "./heat-overlay.ts";

const grey = (width: number, height: number) => ({ width, height, data: new Uint8Array(width * height * 3).fill(90) });

/** The overlay's size, and how far one of its pixels is from the image's grey. */
async function drawn(width: number, height: number, values: number[], fit: Fit) {
  const heat = { width: 2, height: 2, values: Float32Array.from(values) };
  const { data, info } = await sharp(await overlay(grey(width, height), heat, fit))
    .raw()
    .toBuffer({ resolveWithObject: true });
  const off = (x: number, y: number): number =>
    Math.max(...[0, 1, 2].map((c) => Math.abs(data[(y * info.width + x) * info.channels + c]! - 90)));
  return { info, off };
}

describe("overlay", () => {
  it("colours hot positions and keeps the rest", async () => {
    const { info, off } = await drawn(200, 100, [0, 0, 0, 1], { kind: "stretch" });
    expect([info.width, info.height]).toEqual([200, 100]);
    expect(off(190, 90)).toBeGreaterThan(60);
    expect(off(10, 10)).toBeLessThan(12);
  });

  it("covers only what the network saw", async () => {
    const { off } = await drawn(200, 100, [1, 1, 1, 1], { kind: "crop", fraction: 1 });
    expect(off(100, 50)).toBeGreaterThan(60);
    expect(off(20, 50)).toBeLessThan(12);
  });

  it("shrinks large images, and an empty map leaves them unchanged", async () => {
    const { info, off } = await drawn(1200, 600, [0, 0, 0, 0], { kind: "stretch" });
    expect([info.width, info.height]).toEqual([480, 240]);
    expect(off(240, 120)).toBeLessThan(12);
  });
});
