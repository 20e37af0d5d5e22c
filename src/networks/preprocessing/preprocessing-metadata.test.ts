import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GraftError } from "../../base/errors.ts";
import { type Preprocessing, preprocessingPresets } from "./preprocessing.ts";
import { fromArtifact, fromMetadata, PREPROCESSING_KEY } from "./preprocessing-metadata.ts";

const read = (metadata: Record<string, string>) => fromMetadata(new Map(Object.entries(metadata)), "net.onnx");

describe("ONNX's keys for image models", () => {
  test.each([
    ["NominalRange_0_255", "raw"],
    ["Normalized_0_1", "unit"],
    ["Normalized_1_1", "inception"],
  ] as const)("%s is %s", (range, preset) => {
    expect(read({ "Image.NominalPixelRange": range })).toMatchObject(preprocessingPresets[preset]);
  });

  test("the order of the channels counts", () => {
    const keys = { "Image.NominalPixelRange": "NominalRange_0_255", "Image.BitmapPixelFormat": "Bgr8" };
    expect(read(keys)).toMatchObject({ channels: "bgr", from: expect.stringContaining("Bgr8") });
  });

  test.each([
    { "Image.NominalPixelRange": "NominalRange_16_235" },
    { "Image.NominalPixelRange": "toString" },
    { "Image.NominalPixelRange": "Normalized_0_1", "Image.BitmapPixelFormat": "Gray8" },
  ])("what Graft does not support is refused: %o", (keys) => {
    expect(() => read(keys)).toThrow("choose a preprocessing with --preprocessing");
  });
});

describe("means and deviations", () => {
  const imagenet = { channels: "rgb", mean: [123.675, 116.28, 103.53], std: [58.395, 57.12, 57.375] };
  test.each([
    [{ mean: "[0.485, 0.456, 0.406]", std: "[0.229, 0.224, 0.225]" }],
    [{ norm_mean: "0.485,0.456,0.406", norm_std: "0.229 0.224 0.225" }],
    [{ image_mean: "(123.675, 116.28, 103.53)", image_std: "58.395;57.12;57.375" }],
  ])("%o", (keys) => {
    const found = read(keys as unknown as Record<string, string>)!;
    expect(found.channels).toBe("rgb");
    for (const key of ["mean", "std"] as const)
      found[key].forEach((value, i) => {
        expect(value).toBeCloseTo(imagenet[key][i]!, 4);
      });
  });

  test("an ambiguous scale, or a mean alone, gives no normalisation", () => {
    expect(read({ mean: "0,0,0", std: "1,1,1" })).toBeUndefined();
    expect(read({ mean: "0.5,0.5,0.5" })).toBeUndefined();
    expect(read({})).toBeUndefined();
  });

  test.each([
    ["0.5", "0.5,0.5,0.5"],
    ["a,b,c", "1,2,3"],
    ["1,2,3", "0,1,1"],
  ])("%s and %s are refused", (mean, std) => {
    expect(() => read({ mean, std })).toThrow("not three numbers each");
  });
});

describe("an artifact's own", () => {
  const own: Preprocessing = {
    size: 224,
    fit: { kind: "crop", fraction: 0.875 },
    interpolation: "bicubic",
    layout: "nchw",
    ...preprocessingPresets.caffe,
  };
  const keep = (text: string) => fromArtifact(new Map([[PREPROCESSING_KEY, text]]), "model.onnx");

  test("reads back as written", () => {
    expect(keep(JSON.stringify(own))).toEqual(own);
    expect(fromArtifact(new Map(), "model.onnx")).toBeUndefined();
  });

  test("damaged in any way is refused", () => {
    for (const text of [
      "",
      "null",
      "[]",
      "7",
      "{}",
      JSON.stringify({ ...own, size: 1e9 }),
      JSON.stringify({ ...own, std: [1, 0, 1] }),
    ])
      expect(() => keep(text)).toThrow("cannot be read");
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(() => keep(text)).toThrow(GraftError);
      }),
      { numRuns: 100, seed: 1 },
    );
  });
});
