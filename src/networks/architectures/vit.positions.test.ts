import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { asFloat32, float32Tensor } from "../../onnx/model.ts";
import { define } from "./architecture-registry.ts";
import { withWeights } from "./definition-weights.ts";
import { parityTensor, parityWeights } from "./testing.ts";
import { resamplePositions, withPositions } from "./vit.ts";

interface Case {
  readonly from: number;
  readonly to: number;
  readonly values: readonly number[];
}

const cases: readonly Case[] = JSON.parse(
  readFileSync(new URL("fixtures/position_embedding.json", import.meta.url), "utf8"),
);

describe("resamplePositions", () => {
  it.each(cases)("is timm's resample_abs_pos_embed, $from × $from to $to × $to patches", ({ from, to, values }) => {
    const { dims, ...found } = resamplePositions(parityTensor("pos_embed", [1, 1 + from ** 2, 2], 1), to);
    expect(dims).toEqual([1, 1 + to ** 2, 2]);
    const worst = asFloat32({ dims, ...found }).map((value, index) => Math.abs(value - values[index]!));
    expect(Math.max(...worst)).toBeLessThan(1e-6);
  });

  it("keeps an even field even", () => {
    const even = float32Tensor([1, 17, 3], new Float32Array(51).fill(0.25));
    for (const side of [1, 3, 9]) expect([...new Set(asFloat32(resamplePositions(even, side)))]).toEqual([0.25]);
  });
});

describe("withPositions", () => {
  const name = "vit_tiny_patch16_224";
  const published = parityWeights(define(name, { inputSize: 64 }), 1);

  it("makes weights fit another input size, and changes only the position embedding", () => {
    const larger = define(name, { inputSize: 96 });
    const { initializers } = withWeights(larger, published).graph;
    expect(initializers.get("pos_embed")!.dims).toEqual([1, 37, 192]);
    for (const [parameter, tensor] of published)
      if (parameter !== "pos_embed") expect(initializers.get(parameter)).toBe(tensor);
  });

  it("returns weights that fit, and those of networks without positions, unchanged", () => {
    expect(withPositions(define(name, { inputSize: 64 }), published)).toBe(published);
    expect(withPositions(define("resnet18"), published)).toBe(published);
  });

  it("refuses an embedding that is not square", () => {
    const oblong = new Map([...published, ["pos_embed", float32Tensor([1, 13, 192], new Float32Array(13 * 192))]]);
    expect(() => withPositions(define(name), oblong)).toThrow("position embedding [1,13,192] is not for a square");
  });
});
