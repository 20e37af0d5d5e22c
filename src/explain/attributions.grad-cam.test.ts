import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { define } from "../networks/architectures/architecture-registry.ts";
import { parityImages, parityModel } from "../networks/architectures/testing.ts";
import { camOf, lastFeatureMap, openGradCam } from "./attributions.ts";
import type { Explained } from "./explained-network.ts";

interface Fixture {
  readonly architecture: string;
  readonly inputSize: number;
  readonly labels: readonly number[];
  readonly dims: readonly number[];
  readonly cams: readonly (readonly number[])[];
}

const fixtures = JSON.parse(readFileSync(new URL("fixtures/grad-cam.json", import.meta.url), "utf8")) as Fixture[];

const explainedOf = (architecture: string, inputSize: number): Explained => ({
  model: parityModel(define(architecture, { dialect: "timm", inputSize }), ["logits"], 1),
  input: "image",
  inputDims: [3, inputSize, inputSize],
  logits: "logits",
});

describe("Grad-CAM", () => {
  it.each(fixtures)("of $architecture is PyTorch's within 1e-3", async ({ architecture, inputSize, ...expected }) => {
    const explained = explainedOf(architecture, inputSize);
    const map = await lastFeatureMap(explained, architecture);
    const session = await openGradCam(explained, map);
    try {
      const images = parityImages(expected.labels.length, inputSize);
      for (const [at, label] of expected.labels.entries()) {
        const size = 3 * inputSize ** 2;
        const { slope } = await session.run(images.slice(at * size, (at + 1) * size), label);
        const { width, height, values } = camOf(slope, map);
        expect([height, width]).toEqual(expected.dims);
        const most = Math.max(...expected.cams[at]!);
        expect(most).toBeGreaterThan(0);
        values.forEach((value, position) => {
          expect(Math.abs(value - expected.cams[at]![position]!) / most).toBeLessThan(1e-3);
        });
      }
    } finally {
      await session.close();
    }
  });

  it("reports that a transformer has no feature map", async () => {
    const explained = explainedOf("vit_tiny_patch16_224", 224);
    await expect(lastFeatureMap(explained, "vit.onnx")).rejects.toMatchObject({
      kind: "usage",
      message: expect.stringMatching(
        /^vit\.onnx has no feature map .*: explain it with --method integrated-gradients\.$/,
      ),
    });
  });

  it("reads channels-last maps like channels-first maps", () => {
    const [values, gradient] = [2, 3].map((factor) =>
      Float32Array.from({ length: 12 }, (_, i) => ((i * factor) % 7) - 2),
    );
    const turned = (from: Float32Array): Float32Array =>
      Float32Array.from({ length: 12 }, (_, i) => from[(i % 3) * 4 + Math.floor(i / 3)]!);
    const first = camOf({ dims: [1, 3, 2, 2], values: values!, gradient: gradient! }, { tensor: "a", layout: "nchw" });
    const last = camOf(
      { dims: [1, 2, 2, 3], values: turned(values!), gradient: turned(gradient!) },
      { tensor: "a", layout: "nhwc" },
    );
    expect(first.values.some((value) => value > 0)).toBe(true);
    expect(last).toEqual(first);
  });
});
