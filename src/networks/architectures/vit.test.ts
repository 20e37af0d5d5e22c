import { describe, expect, it } from "vitest";
import { define } from "./architecture-registry.ts";
import { withWeights } from "./definition-weights.ts";
import { parityWeights } from "./testing.ts";

describe("vision transformers", () => {
  it("have a position for each patch and one for the class token", () => {
    const positions = (inputSize: number) =>
      define("vit_tiny_patch16_224", { inputSize }).parameters.get("pos_embed")!.dims;
    expect(positions(224)).toEqual([1, 197, 192]);
    expect(positions(16)).toEqual([1, 2, 192]);
  });

  it("refuse image sizes that are not a multiple of the patch", () => {
    expect(() => define("vit_small_patch14_dinov2", { inputSize: 224 + 2 })).toThrow(
      "vit_small_patch14_dinov2 cuts images into squares of 14 px: choose an input size that is a multiple of it, not 226.",
    );
  });
});

describe("DINOv2", () => {
  const name = "vit_small_patch14_dinov2";

  it("has no classifier, and ends in its features", () => {
    const { graph, features, parameters, classifier } = define(name);
    expect(graph.outputs).toEqual([{ name: features.tensor, type: "float32", dims: ["N", 384] }]);
    expect([...parameters.keys()].filter((parameter) => parameter.startsWith(classifier))).toEqual([]);
  });

  it("gets a fresh one if classes are requested", () => {
    const { graph, parameters } = define(name, { classes: 5 });
    expect(graph.outputs).toEqual([{ name: "logits", type: "float32", dims: ["N", 5] }]);
    expect(parameters.get("head.weight")!.dims).toEqual([5, 384]);
  });

  it("accepts its authors' file, which also has a mask token", () => {
    const definition = define(name, { inputSize: 28 });
    const weights = parityWeights(definition, 1);
    const mask = { type: "float32", dims: [1, 384], bytes: new Uint8Array(4 * 384) } as const;
    const { initializers } = withWeights(definition, new Map([...weights, ["mask_token", mask]])).graph;
    expect(initializers.has("mask_token")).toBe(false);
    expect(() => withWeights(definition, new Map([...weights, ["head.weight", mask]]))).toThrow("head.weight");
  });
});
