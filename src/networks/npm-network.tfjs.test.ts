/** Real networks: converted, they compute what TensorFlow.js computes, and recognise four images. */
import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { convertTfjs } from "../formats/tfjs/convert-tfjs.ts";
import { expected, largestDifference, runOnnx, tf } from "../formats/tfjs/testing.ts";
import { reactNativeTflite, resnetImagenet } from "../hub/npm/npm-packages.ts";
import type { Model } from "../onnx/model.ts";
import { npmNetworks } from "./catalogue/npm-networks.ts";
import { openNetwork } from "./open.ts";
import { type Preprocessing, preprocessingPresets } from "./preprocessing/preprocessing.ts";
import {
  artifactsOf,
  best,
  classNames,
  filesOf,
  hasShared,
  labelledImages,
  preprocessedImage,
  sharedPath,
  useWasm,
} from "./testing-networks.ts";

const TOLERANCE = 1e-3;
const shared = hasShared("networks/mobilenet_v1_075_224_tfjs/model.json") && hasShared("photos/cat.jpg");
const absent = shared ? [] : ["skipped: ../shared is absent"];
const title = (name: string, ...reasons: string[]): string => [name, ...reasons].join("; ");

/** The model up to a tensor, in TensorFlow.js. */
const featuresOf = (model: tf.LayersModel, layer: string): tf.LayersModel =>
  tf.model({ inputs: model.inputs, outputs: model.getLayer(layer).output as tf.SymbolicTensor });

describe.skipIf(!shared)(title("MobileNetV1 0.75, of TensorFlow.js' own collection", ...absent), () => {
  const preprocessing: Preprocessing = {
    size: 224,
    fit: { kind: "stretch" },
    interpolation: "bilinear",
    layout: "nchw",
    ...preprocessingPresets.inception,
  };
  const dims = [1, 224, 224, 3] as const;
  const read = (path: string): Promise<Uint8Array> =>
    readFile(join(sharedPath("networks/mobilenet_v1_075_224_tfjs"), path));
  let converted: Model;
  let reference: tf.LayersModel;

  beforeAll(async () => {
    await useWasm();
    const json = readFileSync(sharedPath("networks/mobilenet_v1_075_224_tfjs/model.json"), "utf8");
    converted = await convertTfjs(json, read, "mobilenet");
    reference = await tf.loadLayersModel(await artifactsOf(json, read));
  });

  it.each(labelledImages)(
    "$file: the class, with probabilities and features as TensorFlow.js",
    async ({ file, accepted }) => {
      const image = await preprocessedImage(file, preprocessing);
      const { data } = await runOnnx(converted, image, dims);
      expect(largestDifference(data as Float32Array, (await expected(reference, image, dims)).data)).toBeLessThan(
        TOLERANCE,
      );
      const pool = "global_average_pooling2d_1";
      const features = await runOnnx(converted, image, dims, pool);
      expect(features.dims).toEqual([1, 768]);
      expect(
        largestDifference(
          features.data as Float32Array,
          (await expected(featuresOf(reference, pool), image, dims)).data,
        ),
      ).toBeLessThan(TOLERANCE);
      // This small network classifies the officer's uniform as a suit (0.42), as TensorFlow.js does on the same pixels.
      const [first, second] = best(data as Float32Array, classNames(), 2);
      expect(file === "officer.jpg" ? second : first).toMatch(accepted);
      if (file === "officer.jpg") expect(first).toMatch(/^suit/);
    },
  );
});

const resnetFiles = shared
  ? await filesOf(resnetImagenet, (path) => posix.dirname(path) === "ResNet50")
  : "skipped: ../shared is absent";
const resnetReasons = typeof resnetFiles === "string" ? [resnetFiles] : [];

describe.skipIf(resnetReasons.length > 0)(title("ResNet50 of the catalogue", ...resnetReasons), () => {
  const entry = npmNetworks.find(({ name }) => name === "resnet50")!;
  const dims = [1, 224, 224, 3] as const;
  let converted: Model;

  beforeAll(async () => {
    await useWasm();
    converted = (await openNetwork("resnet50")).model;
  });

  it("probabilities and features as TensorFlow.js", async () => {
    const files = resnetFiles as ReadonlyMap<string, string>;
    const read = (path: string): Promise<Uint8Array> => readFile(files.get(`ResNet50/${path}`)!);
    const json = new TextDecoder().decode(await read("model.json"));
    const reference = await tf.loadLayersModel(await artifactsOf(json, read));
    const image = await preprocessedImage("cat.jpg", entry.preprocessing);
    for (const [name, model] of [
      [undefined, reference],
      [entry.source.cut, featuresOf(reference, entry.source.cut)],
    ] as const) {
      const { data } = await runOnnx(converted, image, dims, name);
      expect(largestDifference(data as Float32Array, (await expected(model, image, dims)).data)).toBeLessThan(
        TOLERANCE,
      );
    }
  });

  it.each(labelledImages)("recognises $file", async ({ file, accepted }) => {
    const { data } = await runOnnx(converted, await preprocessedImage(file, entry.preprocessing), dims);
    expect(best(data as Float32Array, classNames(), 1)[0]).toMatch(accepted);
  });
});

const inception = npmNetworks.find(({ name }) => name === "inception_v3")!;
const inceptionFiles = shared
  ? await filesOf(
      reactNativeTflite,
      (path) => inception.source.format.kind === "tflite" && path === inception.source.format.file,
    )
  : "skipped: ../shared is absent";
const inceptionReasons = typeof inceptionFiles === "string" ? [inceptionFiles] : [];

describe.skipIf(inceptionReasons.length > 0)(title("InceptionV3 of the catalogue", ...inceptionReasons), () => {
  it.each(labelledImages)("recognises $file", async ({ file, accepted }) => {
    const { model } = await openNetwork("inception_v3");
    const { data } = await runOnnx(model, await preprocessedImage(file, inception.preprocessing), [1, 299, 299, 3]);
    expect(best(data as Float32Array, ["background", ...classNames()], 1)[0]).toMatch(accepted);
  });
});
