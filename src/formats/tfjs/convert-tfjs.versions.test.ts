/** The same network as different versions of Keras write it: all convert to the same outputs. */
import { beforeAll, describe, expect, it } from "vitest";
import { GraftError } from "../../base/errors.ts";
import {
  convertSaved,
  expected,
  largestDifference,
  noise,
  runOnnx,
  type Saved,
  save,
  seedWeights,
  tf,
} from "./testing.ts";

const DIMS = [2, 6, 6, 3] as const;
const images = noise(2 * 6 * 6 * 3);

interface LayerJson {
  class_name: string;
  name: string;
  config: Record<string, unknown>;
  inbound_nodes: unknown[];
}
interface ModelJson {
  layers: LayerJson[];
  input_layers: unknown[];
  output_layers: unknown[];
}

let saved: Saved;
let reference: Float32Array;

beforeAll(async () => {
  await tf.setBackend("cpu");
  const input = tf.input({ shape: [6, 6, 3], name: "image" });
  const apply = (layer: tf.layers.Layer, to: tf.SymbolicTensor): tf.SymbolicTensor =>
    layer.apply(to) as tf.SymbolicTensor;
  const conv = apply(tf.layers.conv2d({ name: "conv", filters: 4, kernelSize: 3, padding: "same" }), input);
  const norm = apply(tf.layers.batchNormalization({ name: "norm" }), conv);
  const sum = tf.layers.add({ name: "sum" }).apply([norm, conv]) as tf.SymbolicTensor;
  const features = apply(tf.layers.globalAveragePooling2d({ name: "features" }), sum);
  const model = tf.model({ inputs: input, outputs: apply(tf.layers.batchNormalization({ name: "last" }), features) });
  seedWeights(model);
  saved = await save(model);
  reference = (await expected(model, images, DIMS)).data;
});

/** The largest difference to TensorFlow.js after the JSON was rewritten. */
async function rewritten(change: (model: ModelJson) => unknown): Promise<number> {
  const json = structuredClone(saved.json);
  change((json.modelTopology as { config: ModelJson }).config);
  const result = await runOnnx(await convertSaved({ ...saved, json }), images, DIMS);
  return largestDifference(result.data as Float32Array, reference);
}
const layer = ({ layers }: ModelJson, name: string): LayerJson => layers.find((entry) => entry.name === name)!;

describe("as other versions of Keras write it", () => {
  it("tf.keras 2: the axis of a batch normalisation is a list of one", async () => {
    const difference = await rewritten((model) => {
      layer(model, "norm").config.axis = [3];
      layer(model, "last").config.axis = [1];
    });
    expect(difference).toBeLessThan(1e-5);
  });

  it("an axis that is not the channels' is refused, as a list too", async () => {
    for (const axis of [1, [1], [2, 3], [], ["3"], {}])
      await expect(rewritten((model) => Object.assign(layer(model, "norm").config, { axis }))).rejects.toThrow(
        GraftError,
      );
  });
});
