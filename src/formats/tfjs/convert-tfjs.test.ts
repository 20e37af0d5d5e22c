/** Whole files: quantised weights, and damaged or hostile files, of a tiny Keras model. */
import { beforeAll, describe, expect, it } from "vitest";
import { GraftError } from "../../base/errors.ts";
import { convertTfjs } from "./convert-tfjs.ts";
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

const DIMS = [1, 6, 6, 3] as const;
const images = noise(6 * 6 * 3);
let model: tf.LayersModel;
let saved: Saved;

beforeAll(async () => {
  await tf.setBackend("cpu");
  model = tf.sequential({
    layers: [
      tf.layers.conv2d({ name: "conv", filters: 4, kernelSize: 3, inputShape: [6, 6, 3], activation: "relu" }),
      tf.layers.flatten({ name: "flat" }),
      tf.layers.dense({ name: "logits", units: 3 }),
    ],
  });
  seedWeights(model);
  saved = await save(model);
});

interface WeightSpec {
  name: string;
  shape: number[];
  dtype: string;
  quantization?: { dtype: string; scale?: number; min?: number };
}
const specsOf = ({ json }: Saved): WeightSpec[] =>
  (json.weightsManifest as { weights: WeightSpec[] }[])[0]!.weights.map((spec) => ({ ...spec }));
const withSpecs = (weights: WeightSpec[], shard: Uint8Array): Saved => ({
  json: { ...saved.json, weightsManifest: [{ paths: ["shard"], weights }] },
  shard,
});

describe("quantised weights decode as in TensorFlow.js", () => {
  const half = (value: number): number => {
    // Values of the test are halves of small integers: exact in half precision.
    const sign = value < 0 ? 0x8000 : 0;
    const size = Math.abs(value);
    if (size === 0) return sign;
    const exponent = Math.floor(Math.log2(size));
    return sign | ((exponent + 15) << 10) | Math.round((size / 2 ** exponent - 1) * 1024);
  };
  const encoders = {
    uint8: { make: (length: number) => Uint8Array.from({ length }, (_, i) => (i * 37) % 256), scale: 0.01, min: -1.25 },
    uint16: {
      make: (length: number) => Uint16Array.from({ length }, (_, i) => (i * 12_345) % 65_536),
      scale: 4e-5,
      min: -1.3,
    },
    float16: { make: (length: number) => Uint16Array.from({ length }, (_, i) => half(((i % 13) - 6) / 4)) },
  };

  it.each(["uint8", "uint16", "float16"] as const)("%s", async (dtype) => {
    const { make, ...linear } = encoders[dtype];
    const specs = specsOf(saved).map((spec) => ({ ...spec, quantization: { dtype, ...linear } }));
    const bytes = specs.map(({ shape }) => new Uint8Array(make(tf.util.sizeFromShape(shape)).buffer));
    const quantised = withSpecs(specs, new Uint8Array(Buffer.concat(bytes)));
    const reference = await tf.loadLayersModel(
      tf.io.fromMemory({
        modelTopology: saved.json.modelTopology as object,
        weightSpecs: specs as tf.io.WeightsManifestEntry[],
        weightData: quantised.shard.slice().buffer,
      }),
    );
    const onnx = await runOnnx(await convertSaved(quantised), images, DIMS);
    const wanted = await expected(reference, images, DIMS);
    expect(wanted.data.some((value) => Math.abs(value) > 0.1)).toBe(true);
    expect(largestDifference(onnx.data as Float32Array, wanted.data)).toBeLessThan(1e-4);
  });
});

it("weights spread over several shards, cut anywhere", async () => {
  const parts = [saved.shard.subarray(0, 101), saved.shard.subarray(101, 102), saved.shard.subarray(102)];
  const json = { ...saved.json, weightsManifest: [{ paths: ["0", "1", "2"], weights: specsOf(saved) }] };
  const converted = await convertTfjs(JSON.stringify(json), async (path) => parts[Number(path)]!, "the model");
  const onnx = await runOnnx(converted, images, DIMS);
  expect(largestDifference(onnx.data as Float32Array, (await expected(model, images, DIMS)).data)).toBeLessThan(1e-4);
});

describe("a damaged or hostile file ends in one sentence", () => {
  type Layer = { class_name: string; config: Record<string, unknown>; name?: string; inbound_nodes?: unknown };
  /** The model with its list of layers, or one entry of it, changed. */
  const layers = (change: (list: Layer[]) => void): Record<string, unknown> => {
    const json = structuredClone(saved.json);
    change((json.modelTopology as { config: { layers: Layer[] } }).config.layers);
    return json;
  };
  const weights = (change: (list: WeightSpec[]) => void): Record<string, unknown> => {
    const specs = specsOf(saved);
    change(specs);
    return withSpecs(specs, saved.shard).json;
  };
  const refused = async (text: string, shard = saved.shard): Promise<string> => {
    const error = await convertTfjs(text, async () => shard, "model.json").then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(GraftError);
    const { message, kind } = error as GraftError;
    expect(kind).toBe("data");
    expect(message).toMatch(/^[^\n]{10,300}\.$/);
    return message;
  };

  it("not JSON, or JSON of something else", async () => {
    for (const text of ["", "{", "\u0000\u0001"]) expect(await refused(text)).toContain("not JSON");
    for (const value of [null, [], 3, {}, { modelTopology: 1 }])
      expect(await refused(JSON.stringify(value))).toContain("modelTopology");
    await refused(JSON.stringify({ modelTopology: {}, weightsManifest: [] }));
  });

  it("shards that are missing or short", async () => {
    const gone = convertTfjs(
      JSON.stringify(saved.json),
      async () => {
        throw new GraftError("data", "The shard is missing: fetch the model again.");
      },
      "model.json",
    );
    await expect(gone).rejects.toThrow("The shard is missing");
    for (const length of [0, 1, saved.shard.length - 1])
      expect(await refused(JSON.stringify(saved.json), saved.shard.subarray(0, length))).toContain("end before");
  });

  it.each<[string, (list: WeightSpec[]) => void, string]>([
    ["2^50 elements", (list) => (list[0]!.shape = [2 ** 25, 2 ** 25]), "end before"],
    ["more elements than a number can hold", (list) => (list[0]!.shape = [1e200, 1e200]), "end before"],
    ["negative sizes", (list) => (list[0]!.shape = [-3, -3, 3, 4]), "[-3,-3,3,4]"],
    ["broken sizes", (list) => (list[0]!.shape = [0.5, 216]), "[0.5,216]"],
    ["an unknown type", (list) => (list[0]!.dtype = "complex64"), "complex64"],
    ["a type that is a property of every object", (list) => (list[0]!.dtype = "constructor"), "constructor"],
    ["a missing weight", (list) => (list[0]!.name = "other"), "conv/kernel"],
    ["a kernel of another rank", (list) => (list[0]!.shape = [27, 4]), "conv"],
    ["a kernel for other channels", (list) => (list[0]!.shape = [3, 3, 4, 3]), "channels"],
    ["a kernel beyond the image", (list) => (list[0]!.shape = [36, 1, 3, 1]), "conv"],
    [
      "quantisation of an unknown type",
      (list) => (list[0]!.quantization = { dtype: "int4", scale: 1, min: 0 }),
      "int4",
    ],
    [
      "quantisation without a number",
      (list) => (list[0]!.quantization = { dtype: "uint8", scale: "x" as unknown as number, min: 0 }),
      "scale",
    ],
  ])("weights: %s", async (_, change, part) => {
    expect(await refused(JSON.stringify(weights(change)))).toContain(part);
  });

  it.each<[string, (list: Layer[]) => void, string]>([
    ["an unknown layer", (list) => (list[1]!.class_name = "Lambda"), "Lambda"],
    ["a layer that is a property of every object", (list) => (list[1]!.class_name = "toString"), "toString"],
    ["an unknown activation", (list) => (list.at(-1)!.config.activation = "evil"), "evil"],
    ["strides of 0", (list) => (find(list, "conv").config.strides = [0, 1]), "strides"],
    ["channels first", (list) => (find(list, "conv").config.data_format = "channels_first"), "channels_first"],
    [
      "a layer without configuration",
      (list) => (list[1]!.config = null as unknown as Layer["config"]),
      "configuration",
    ],
    ["no layers", (list) => list.splice(0), "input"],
  ])("layers: %s", async (_, change, part) => {
    expect(await refused(JSON.stringify(layers(change)))).toContain(part);
  });

  const find = (list: Layer[], name: string): Layer => list.find(({ config }) => config.name === name)!;
  /** A functional model of two layers that read `a` and `b`. */
  const functional = (a: string, b: string, output = "b"): string => {
    const layer = (name: string, from: string): Layer => ({
      class_name: "Dropout",
      name,
      config: { name },
      inbound_nodes: [[[from, 0, 0, {}]]],
    });
    const input = { class_name: "InputLayer", name: "in", config: { batch_input_shape: [null, 6, 6, 3] } };
    const config = { layers: [input, layer("a", a), layer("b", b)], output_layers: [[output, 0, 0]] };
    return JSON.stringify({ modelTopology: { model_config: { class_name: "Model", config } }, weightsManifest: [] });
  };

  it("cyclic layers, a missing input layer, or a missing output layer", async () => {
    expect(await refused(functional("b", "a"))).toContain("depends on itself");
    expect(await refused(functional("a", "a"))).toContain("depends on itself");
    expect(await refused(functional("in", "missing"))).toContain("depends on itself");
    expect(await refused(functional("in", "a", "absent"))).toContain("absent");
    const good = await convertTfjs(functional("in", "a"), async () => saved.shard, "model.json");
    expect(good.graph.nodes).toHaveLength(2);
  });
});
