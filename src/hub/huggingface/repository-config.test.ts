import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GraftError } from "../../base/errors.ts";
import { parseFields, repositoryConfig, timmConfig, transformersConfig } from "./repository-config.ts";
import { repo, setScene } from "./testing-scene.ts";

const scene = setScene();

const pretrained = {
  input_size: [3, 224, 224],
  crop_pct: 0.95,
  crop_mode: "center",
  interpolation: "bicubic",
  mean: [0.485, 0.456, 0.406],
  std: [0.229, 0.224, 0.225],
  num_classes: 1000,
};
const timm = { architecture: "resnet50", num_classes: 1000, num_features: 2048, pretrained_cfg: pretrained };
const transformers = {
  model_type: "vit",
  architectures: ["ViTForImageClassification"],
  id2label: { 0: "cat", 1: "dog" },
};
const processor = {
  image_processor_type: "ViTImageProcessor",
  size: { height: 224, width: 224 },
  resample: 2,
  do_normalize: true,
  image_mean: [0.5, 0.5, 0.5],
  image_std: [0.5, 0.5, 0.5],
};

const publish = (file: string, content: unknown): void =>
  scene.hub.publish(repo, file, Buffer.from(typeof content === "string" ? content : JSON.stringify(content)), "small");
const read = () => repositoryConfig({ repo, revision: "main" }, { retryPolicy: scene.retryPolicy });

describe("repositoryConfig", () => {
  it("reads the files of current and older versions of timm", async () => {
    publish("config.json", timm);
    const wanted = {
      commit: scene.hub.commit,
      architecture: "resnet50",
      numClasses: 1000,
      preprocessing: {
        kind: "timm",
        inputSize: [3, 224, 224],
        cropPct: 0.95,
        cropMode: "center",
        interpolation: "bicubic",
        mean: [0.485, 0.456, 0.406],
        std: [0.229, 0.224, 0.225],
      },
    };
    expect(await read()).toEqual(wanted);
    const { crop_mode: _, ...flat } = pretrained;
    scene.hub.commit = "d1".repeat(20);
    publish("config.json", { architecture: "resnet50", ...flat });
    expect(await read()).toEqual({ ...wanted, commit: scene.hub.commit });
  });

  it("reads the two files of transformers at one commit", async () => {
    publish("config.json", transformers);
    publish("preprocessor_config.json", processor);
    expect(await read()).toMatchObject({
      architecture: "ViTForImageClassification",
      numClasses: 2,
      preprocessing: {
        kind: "transformers",
        processor: "ViTImageProcessor",
        size: { kind: "exact", height: 224, width: 224 },
        resample: 2,
        doNormalize: true,
        doCenterCrop: undefined,
      },
    });
    const paths = scene.hub.seen.filter(({ method }) => method === "HEAD").map(({ path }) => path);
    expect(paths.filter((path) => path.includes("/resolve/"))).toEqual([
      `/${repo}/resolve/main/config.json`,
      `/${repo}/resolve/${scene.hub.commit}/preprocessor_config.json`,
    ]);
  });

  it("accepts a network without a classifier", () => {
    const fields = parseFields(JSON.stringify({ ...timm, num_classes: 0 }), "x");
    expect(timmConfig(fields).numClasses).toBe(0);
  });

  it("refuses a file larger than a configuration", async () => {
    publish("config.json", " ".repeat(9_000_000));
    await expect(read()).rejects.toThrow("with 9000000 bytes, more than the limit of 8388608");
  });

  it.each([
    ["{", "is not valid JSON"],
    ["[1]", "is JSON, but not an object"],
    ["{}", "is neither timm's nor transformers'"],
    ["[".repeat(200_000), "is not valid JSON"],
    ['{"architecture":"x","pretrained_cfg":{}}', "config.json's pretrained_cfg does not say input_size"],
    ['{"architecture":"x","pretrained_cfg":[]}', "has pretrained_cfg [], which is not an object"],
    ['{"architecture":{}}', "has architecture {}, which is not a short text"],
    [
      { ...timm, pretrained_cfg: { ...pretrained, input_size: [3, 1e9, 1e9] } },
      "which is not three numbers from 1 to 4096",
    ],
    [{ ...timm, pretrained_cfg: { ...pretrained, mean: [0, 0] } }, "has mean [0,0], which is not three numbers"],
    [
      { ...timm, pretrained_cfg: { ...pretrained, std: [0, 1, 1] } },
      "has std [0,1,1], which is not three numbers from",
    ],
    [{ ...timm, pretrained_cfg: { ...pretrained, crop_pct: -1 } }, "has crop_pct -1, which is not a number above 0"],
    [{ ...timm, num_classes: 1.5 }, "has num_classes 1.5, which is not a whole number"],
    [{ ...transformers, architectures: "ViT" }, "names no architecture"],
  ])("says what is wrong with %j", async (content, sentence) => {
    publish("config.json", content);
    publish("preprocessor_config.json", processor);
    const failing = read();
    await expect(failing).rejects.toThrow(sentence);
    await expect(failing).rejects.toMatchObject({ kind: "data" });
  });

  it.each([
    [{ ...processor, image_processor_type: undefined }, "does not say image_processor_type"],
    [{ ...processor, size: {} }, "size does not say height or shortest_edge"],
    [
      { ...processor, size: { height: 1e6, width: 3 } },
      "has height 1000000, which is not a whole number from 1 to 4096",
    ],
    [{ ...processor, size: "large" }, 'has size "large", which is not an object'],
    [{ ...processor, do_resize: "yes" }, 'has do_resize "yes", which is not true or false'],
    [{ ...processor, rescale_factor: 0 }, "has rescale_factor 0, which is not a number above 0"],
  ])("says what is wrong with the preprocessor %j", async (content, sentence) => {
    publish("config.json", transformers);
    publish("preprocessor_config.json", content);
    await expect(read()).rejects.toThrow(sentence);
  });

  it("reads any JSON or refuses it in one sentence", () => {
    const keys = fc.constantFrom(...Object.keys({ ...timm, ...pretrained, ...transformers, ...processor }));
    const values = fc.oneof(
      fc.jsonValue(),
      fc.constantFrom(...Object.values({ ...timm, ...pretrained, ...processor })),
    );
    const changes = fc.dictionary(keys, values, { maxKeys: 3 });
    const outcome = (work: () => unknown): void => {
      try {
        work();
      } catch (error) {
        expect(error).toBeInstanceOf(GraftError);
        expect((error as Error).message.length).toBeLessThan(400);
      }
    };
    fc.assert(
      fc.property(changes, (change) => {
        const top = parseFields(JSON.stringify({ ...timm, ...change }), "x/config.json");
        const inner = JSON.stringify({ ...timm, pretrained_cfg: { ...pretrained, ...change } });
        const preprocessor = parseFields(JSON.stringify({ ...processor, ...change }), "x/preprocessor_config.json");
        outcome(() => timmConfig(top));
        outcome(() => timmConfig(parseFields(inner, "x/config.json")));
        outcome(() =>
          transformersConfig(parseFields(JSON.stringify({ ...transformers, ...change }), "x"), preprocessor),
        );
      }),
      { numRuns: 300 },
    );
  });
});
