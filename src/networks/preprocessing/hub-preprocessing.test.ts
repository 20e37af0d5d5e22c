import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseFields, timmPreprocessing, transformersPreprocessing } from "../../hub/huggingface/repository-config.ts";
import { fromHubPreprocessing } from "./hub-preprocessing.ts";
import { drawnImage, prepare } from "./testing.ts";

type Kind = "timm" | "transformers";
type Json = Readonly<Record<string, unknown>>;

interface Golden {
  readonly kind: Kind;
  readonly config: Json;
  readonly shape: readonly number[];
  readonly step: number;
  readonly values: readonly number[];
}

const goldenFile = new URL("../../../bench/reference/hub_preprocessing.json", import.meta.url);
const golden = JSON.parse(readFileSync(goldenFile, "utf8")) as { width: number; height: number; cases: Golden[] };

const readers = { timm: timmPreprocessing, transformers: transformersPreprocessing };

const preprocessingOf = (kind: Kind, config: Json) =>
  fromHubPreprocessing(readers[kind](parseFields(JSON.stringify(config), "a/b/config.json")), "a/b");

describe("fromHubPreprocessing", () => {
  it.each(golden.cases.map((item) => [item.kind, JSON.stringify(item.config), item] as const))(
    "computes what %s computes, given %s",
    async (kind, _, { config, shape, step, values }) => {
      const { width, height } = golden;
      const preprocessing = preprocessingOf(kind, config);
      const { dims, data } = await prepare(preprocessing, [1, height, width, 3], drawnImage(height, width));
      expect(dims).toEqual([1, ...shape]);
      expect(values.length).toBe(Math.ceil(data.length / step));
      // In grey levels: the resize may be off by one for ties (preprocessing.ts).
      const errors = values.map((value, i) => {
        const channel = Math.floor((i * step) / (data.length / 3));
        return Math.abs(data[i * step]! - value) * preprocessing.std[channel]!;
      });
      expect(Math.max(...errors)).toBeLessThanOrEqual(1.01);
      expect(errors.filter((error) => error > 0.01).length / errors.length).toBeLessThanOrEqual(0.05);
    },
  );

  const timm = golden.cases.find(({ kind }) => kind === "timm")!.config;
  const vit = golden.cases.find(({ kind }) => kind === "transformers")!.config;
  const bit = { ...vit, image_processor_type: "BitImageProcessor", size: { shortest_edge: 256 } };

  it.each([
    ["timm", { ...timm, interpolation: "lanczos" }, 'interpolation "lanczos"'],
    ["timm", { ...timm, interpolation: "__proto__" }, 'interpolation "__proto__"'],
    ["timm", { ...timm, crop_mode: "border" }, 'crop_mode "border"'],
    ["timm", { ...timm, crop_mode: "squash" }, 'crop_mode "squash" with a crop_pct of 0.95'],
    ["timm", { ...timm, crop_pct: 1.2 }, "a crop_pct of 1.2, which pads"],
    ["timm", { ...timm, input_size: [1, 224, 224] }, "images of 1 channels"],
    ["timm", { ...timm, input_size: [3, 224, 192] }, "images of 192 × 224 pixels, not square"],
    [
      "transformers",
      { ...vit, image_processor_type: "SegformerImageProcessor" },
      "the processor SegformerImageProcessor",
    ],
    ["transformers", { ...vit, do_resize: false }, "images that are not resized"],
    ["transformers", { ...vit, resample: 0 }, "resample 0"],
    ["transformers", { ...vit, resample: null }, "a resize of unknown interpolation"],
    ["transformers", { ...vit, rescale_offset: true }, "rescale_offset"],
    ["transformers", { ...vit, do_flip_channel_order: true }, "do_flip_channel_order"],
    ["transformers", { ...vit, image_std: null }, "a normalisation without image_mean and image_std"],
    ["transformers", { ...vit, crop_size: 200 }, "a resize to 224 × 224 pixels followed by a crop to 200"],
    ["transformers", { ...bit, do_center_crop: false }, "a resize of the shorter side without a crop"],
    ["transformers", { ...bit, do_center_crop: true }, "a centre crop without a crop_size"],
    ["transformers", { ...bit, crop_size: 300 }, "a centre crop of 300 pixels out of 256"],
    [
      "transformers",
      { ...vit, image_processor_type: "ConvNextImageProcessor" },
      "a size of 224 × 224 for the shorter side",
    ],
  ] as const)("refuses what Graft cannot do: %s %j", (kind, config, what) => {
    expect(() => preprocessingOf(kind, config)).toThrow(
      `a/b asks for ${what}, which Graft does not support: choose another preprocessing with --preprocessing.`,
    );
  });
});
