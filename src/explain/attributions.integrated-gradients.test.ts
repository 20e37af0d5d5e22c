import { describe, expect, it } from "vitest";
import { define } from "../networks/architectures/architecture-registry.ts";
import { parityImages, parityModel } from "../networks/architectures/testing.ts";
import { float32Tensor, modelOf, node } from "../onnx/model.ts";
import { COMPLETENESS, heatOf, integratedGradients, openIntegratedGradients } from "./attributions.ts";
import type { Explained } from "./explained-network.ts";

describe("integrated gradients", () => {
  it("of a linear network are weight times difference", async () => {
    const weights = [1, -2, 3, 0.5, 4, -1];
    const explained: Explained = {
      model: modelOf({
        name: "linear",
        nodes: [node("Flatten", ["x"], ["flat"]), node("Gemm", ["flat", "w"], ["y"], { transB: 1 })],
        inputs: [{ name: "x", type: "float32", dims: ["N", 3, 1, 1] }],
        outputs: [{ name: "y", type: "float32", dims: ["N", 2] }],
        initializers: new Map([["w", float32Tensor([2, 3], weights)]]),
      }),
      input: "x",
      inputDims: [3, 1, 1],
      logits: "y",
    };
    const session = await openIntegratedGradients(explained);
    const found = await integratedGradients(session, Float32Array.of(1, 2, 3), Float32Array.of(0, 1, 1), 1);
    await session.close();
    [0.5, 4, -2].forEach((value, i) => {
      expect(found.contributions[i]).toBeCloseTo(value, 5);
    });
    expect(found.logit - found.baselineLogit).toBeCloseTo(2.5, 5);
    expect(found.steps).toBe(16);
    expect(heatOf(found, [3, 1, 1]).values[0]).toBeCloseTo(2.5, 5);
  });

  it("of a deep network sum to the difference of the logits within 2%", async () => {
    const size = 32;
    const explained: Explained = {
      model: parityModel(define("resnet18", { dialect: "timm", inputSize: size }), ["logits"], 1),
      input: "image",
      inputDims: [3, size, size],
      logits: "logits",
    };
    const session = await openIntegratedGradients(explained);
    try {
      const pixels = parityImages(1, size).map((value) => 0.5 + 0.1 * value);
      const found = await integratedGradients(session, pixels, new Float32Array(pixels.length), 7);
      const sum = found.contributions.reduce((total, value) => total + value, 0);
      const difference = found.logit - found.baselineLogit;
      expect(Math.abs(difference)).toBeGreaterThan(0.01);
      expect(Math.abs(sum - difference) / Math.abs(difference)).toBeLessThanOrEqual(COMPLETENESS);
      expect(found.error).toBeLessThanOrEqual(COMPLETENESS);
    } finally {
      await session.close();
    }
  });
});
