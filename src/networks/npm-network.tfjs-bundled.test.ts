/** The networks of nsfwjs, a graph model and a layers model in JavaScript modules, against TensorFlow.js. */
import { readFileSync } from "node:fs";
import { posix } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { bundledModelJson, bundledName, bundledShard } from "../formats/tfjs/bundled.ts";
import { expected, largestDifference, noise, runOnnx, tf } from "../formats/tfjs/testing.ts";
import { nsfwjs } from "../hub/npm/npm-packages.ts";
import { npmNetworks } from "./catalogue/npm-networks.ts";
import { openNetwork } from "./open.ts";
import { artifactsOf, filesOf, hasShared, preprocessedImage, useWasm } from "./testing-networks.ts";

const TOLERANCE = 1e-3;
const files = await filesOf(nsfwjs, (path) => path.startsWith("dist/models/"));
const reasons = typeof files === "string" ? [files] : [];

describe.skipIf(reasons.length > 0)(["networks in JavaScript modules", ...reasons].join("; "), () => {
  beforeAll(useWasm);

  it.each(["mobilenet_v2_140_nsfw", "inception_v3_nsfw"])(
    "%s: probabilities and features as TensorFlow.js",
    async (name) => {
      const { source, inputSize, preprocessing } = npmNetworks.find((row) => row.name === name)!;
      const { format, cut } = source;
      const folder = format.kind === "tfjs-bundled" ? format.folder : "";
      const read = (file: string): string =>
        readFileSync((files as ReadonlyMap<string, string>).get(posix.join(folder, bundledName(file)))!, "utf8");
      const artifacts = await artifactsOf(bundledModelJson(read("model"), name), async (path) =>
        bundledShard(read(path), name),
      );
      const { model } = await openNetwork(name);
      const dims = [1, inputSize, inputSize, 3] as const;
      // An image if ../shared has it, otherwise noise on the same scale.
      const image = hasShared("photos/cat.jpg")
        ? await preprocessedImage("cat.jpg", preprocessing)
        : noise(3 * inputSize * inputSize).map(Math.abs);

      const layers = model.graph.outputs[0]!.name === "dense_3";
      const reference = layers ? await tf.loadLayersModel(artifacts) : await tf.loadGraphModel(artifacts);
      const probabilities = await expected(reference, image, dims);
      const features =
        reference instanceof tf.GraphModel
          ? (reference.execute(tf.tensor4d(image, [...dims]), cut) as tf.Tensor)
          : (tf
              .model({ inputs: reference.inputs, outputs: reference.getLayer(cut).output as tf.SymbolicTensor })
              .predict(tf.tensor4d(image, [...dims])) as tf.Tensor);
      const wanted = features.rank === 4 ? features.transpose([0, 3, 1, 2]) : features;

      const output = await runOnnx(model, image, dims);
      expect(output.data.length).toBe(5);
      expect(largestDifference(output.data as Float32Array, probabilities.data)).toBeLessThan(TOLERANCE);
      const cutAt = await runOnnx(model, image, dims, cut);
      expect(cutAt.dims).toEqual(wanted.shape);
      expect(largestDifference(cutAt.data as Float32Array, (await wanted.data()) as Float32Array)).toBeLessThan(
        TOLERANCE,
      );
    },
  );
});
