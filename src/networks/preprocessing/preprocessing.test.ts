import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Preprocessing, preprocessingGraph, preprocessingPresets } from "./preprocessing.ts";
import { drawnImage, prepare } from "./testing.ts";

const raw = { size: 8, fit: { kind: "stretch" }, interpolation: "bilinear", layout: "nhwc" } as const;
const asBytes: Preprocessing = { ...raw, ...preprocessingPresets.raw };

interface Golden {
  readonly width: number;
  readonly height: number;
  readonly size: number;
  readonly fraction: number | null;
  readonly interpolation: Preprocessing["interpolation"];
  readonly step: number;
  readonly bytes: string;
}

const goldenFile = new URL("../../../bench/reference/pillow_resize.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(goldenFile, "utf8")) as { cases: Golden[] };

describe("preprocessingGraph", () => {
  it.each(cases)("$interpolation $width × $height → $size (fraction $fraction) is Pillow's", async (golden) => {
    const { width, height, size, fraction, interpolation, step } = golden;
    const fit = fraction === null ? ({ kind: "stretch" } as const) : ({ kind: "crop", fraction } as const);
    const of = { ...asBytes, size, fit, interpolation };
    const { dims, data } = await prepare(of, [1, height, width, 3], drawnImage(height, width));
    expect(dims).toEqual([1, size, size, 3]);
    const wanted = Buffer.from(golden.bytes, "base64");
    expect(wanted.length).toBe(Math.ceil(data.length / step));
    const errors = Array.from(wanted, (value, i) => Math.abs(data[i * step]! - value));
    expect(Math.max(...errors)).toBeLessThanOrEqual(1);
    expect(errors.filter((error) => error > 0).length / errors.length).toBeLessThanOrEqual(0.05);
  });

  it("computes the same for each image of a batch as alone", async () => {
    for (const fit of [{ kind: "stretch" }, { kind: "crop", fraction: 0.875 }] as const) {
      const of: Preprocessing = { ...asBytes, fit, interpolation: "bicubic", layout: "nchw" };
      const [one, other] = [drawnImage(9, 14), drawnImage(9, 14).reverse()];
      const both = await prepare(of, [2, 9, 14, 3], Uint8Array.from([...one, ...other]));
      expect(both.dims).toEqual([2, 3, 8, 8]);
      const alone = [await prepare(of, [1, 9, 14, 3], one), await prepare(of, [1, 9, 14, 3], other)];
      expect([...both.data]).toEqual(alone.flatMap(({ data }) => [...data]));
    }
  });

  it("does not change an image of the network's size", async () => {
    const image = drawnImage(8, 8);
    const crop = { kind: "crop", fraction: 1 } as const;
    for (const fit of [raw.fit, crop]) {
      for (const interpolation of ["bilinear", "bicubic"] as const)
        expect([...(await prepare({ ...asBytes, fit, interpolation }, [1, 8, 8, 3], image)).data]).toEqual([...image]);
    }
  });

  it("keeps a single colour, whatever the image's size", async () => {
    const sides = fc.integer({ min: 1, max: 70 });
    const fits = fc.constantFrom({ kind: "stretch" } as const, { kind: "crop", fraction: 0.7 } as const);
    const kinds = fc.constantFrom("bilinear" as const, "bicubic" as const);
    await fc.assert(
      fc.asyncProperty(sides, sides, fits, kinds, async (height, width, fit, interpolation) => {
        const data = new Uint8Array(height * width * 3).map((_, i) => [17, 130, 255][i % 3]!);
        const of: Preprocessing = { ...asBytes, fit, interpolation, layout: "nchw" };
        const result = await prepare(of, [1, height, width, 3], data);
        expect(result.dims).toEqual([1, 3, 8, 8]);
        expect([...result.data]).toEqual([17, 130, 255].flatMap((value) => new Array<number>(64).fill(value)));
      }),
      { numRuns: 60 },
    );
  });

  // The result of each preset for R, G, B = 10, 100, 250, by hand from the published formulas.
  it.each([
    ["imagenet", [(10 / 255 - 0.485) / 0.229, (100 / 255 - 0.456) / 0.224, (250 / 255 - 0.406) / 0.225]],
    ["inception", [10 / 127.5 - 1, 100 / 127.5 - 1, 250 / 127.5 - 1]],
    ["unit", [10 / 255, 100 / 255, 250 / 255]],
    ["caffe", [250 - 103.939, 100 - 116.779, 10 - 123.68]],
    ["raw", [10, 100, 250]],
  ] as const)("normalises as %s in either layout", async (preset, wanted) => {
    const image = new Uint8Array(8 * 8 * 3).map((_, i) => [10, 100, 250][i % 3]!);
    for (const layout of ["nchw", "nhwc"] as const) {
      const { dims, data } = await prepare({ ...raw, ...preprocessingPresets[preset], layout }, [1, 8, 8, 3], image);
      expect(dims).toEqual(layout === "nchw" ? [1, 3, 8, 8] : [1, 8, 8, 3]);
      wanted.forEach((value, c) => {
        expect(data[layout === "nchw" ? c * 64 + 5 : 5 * 3 + c]).toBeCloseTo(value, 4);
      });
    }
  });

  it("resizes to the exact side of a quotient", async () => {
    expect(Math.floor(1 / (1 / 93))).toBe(92);
    const fit = { kind: "crop", fraction: 1 / 93 } as const;
    const image = drawnImage(93, 93);
    const { data } = await prepare({ ...asBytes, size: 1, fit }, [1, 93, 93, 3], image);
    // Nothing is scaled: the crop is the centre of the image.
    expect([...data]).toEqual([...image.subarray((46 * 93 + 46) * 3, (46 * 93 + 46) * 3 + 3)]);
  });

  it.each([
    [{ size: 0 }, /0 pixels/],
    [{ size: 2.5 }, /2.5 pixels/],
    [{ fit: { kind: "crop", fraction: 0 } }, /fraction/],
    [{ fit: { kind: "crop", fraction: 1.1 } }, /fraction/],
    [{ std: [1, 0, 1] }, /deviation of 0/],
  ] as const)("refuses %j", (change, message) => {
    expect(() => preprocessingGraph({ ...asBytes, ...change }, "i", "o", "p/")).toThrow(message);
  });
});
