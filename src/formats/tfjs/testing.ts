/**
 * For the tests of this folder: TensorFlow.js as the reference, without output and reproducible. A Keras model is saved as it would be to
 * disk and converted, and both run on the same images.
 */
import * as tf from "@tensorflow/tfjs";
import { createRandom } from "../../base/random.ts";
import { encodeModelWhole } from "../../onnx/codec/write-model.ts";
import type { Model } from "../../onnx/model.ts";
import { openSession, type RuntimeTensor } from "../../onnx/session/session.ts";
import { convertTfjs } from "./convert-tfjs.ts";

// PROD keeps it from printing its banner on first use.
tf.env().set("PROD", true);

export { tf };

/** Reproducible values in [−1, 1]. */
export function noise(count: number, seed = 1): Float32Array {
  const random = createRandom(seed);
  return Float32Array.from({ length: count }, () => random.next() * 2 - 1);
}

/** Sets all weights to reproducible values; variances are positive. */
export function seedWeights(model: tf.LayersModel): void {
  const weights = model.weights.map((weight, seed) => {
    const shape = weight.shape.map((size) => size ?? 1);
    const values = noise(tf.util.sizeFromShape(shape), seed + 2);
    return tf.tensor(
      weight.originalName.endsWith("moving_variance") ? values.map((value) => value * value + 0.5) : values,
      shape,
    );
  });
  model.setWeights(weights);
  tf.dispose(weights);
}

/** A model as files: the text of model.json, and one shard. */
export interface Saved {
  readonly json: Record<string, unknown>;
  readonly shard: Uint8Array;
}

/** Saves a model as `model.save("file://…")` would. */
export async function save(model: tf.LayersModel): Promise<Saved> {
  let saved: tf.io.ModelArtifacts | undefined;
  await model.save(
    tf.io.withSaveHandler(async (artifacts) => {
      saved = artifacts;
      return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: "JSON" } };
    }),
  );
  const json = {
    modelTopology: saved!.modelTopology,
    weightsManifest: [{ paths: ["shard"], weights: saved!.weightSpecs }],
  };
  return { json, shard: new Uint8Array(tf.io.CompositeArrayBuffer.join(saved!.weightData)) };
}

/** Converts a saved model. */
export const convertSaved = ({ json, shard }: Saved): Promise<Model> =>
  convertTfjs(JSON.stringify(json), async () => shard, "the test's model");

/** `[N, H, W, C]` → `[N, C, H, W]`. */
export function channelsFirst(data: Float32Array, [n, h, w, c]: readonly [number, number, number, number]) {
  const result = new Float32Array(data.length);
  for (let i = 0; i < n; i++)
    for (let p = 0; p < h * w; p++)
      for (let k = 0; k < c; k++) result[(i * c + k) * h * w + p] = data[(i * h * w + p) * c + k]!;
  return result;
}

/** Runs an ONNX model on channels-last images and returns an output, by default the first. */
export async function runOnnx(
  model: Model,
  images: Float32Array,
  dims: readonly [number, number, number, number],
  wanted?: string,
): Promise<RuntimeTensor> {
  const extra = wanted ? [{ name: wanted, type: "float32" as const }] : model.graph.outputs;
  const session = await openSession(encodeModelWhole({ ...model, graph: { ...model.graph, outputs: extra } }), {
    threads: 1,
  });
  const [n, h, w, c] = dims;
  const results = await session.run({ input: { dims: [n, c, h, w], data: channelsFirst(images, dims) } });
  await session.close();
  return results[extra[0]!.name]!;
}

/** The largest difference of corresponding values; Infinity if the counts differ or a value is not a number. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let most = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i]! - b[i]!);
    if (!(difference <= most)) most = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : difference;
  }
  return most;
}

/** TensorFlow.js' output, channels first, with its shape. */
export async function expected(
  model: tf.LayersModel | tf.GraphModel,
  images: Float32Array,
  dims: readonly [number, number, number, number],
): Promise<{ dims: readonly number[]; data: Float32Array }> {
  const output = tf.tidy(() => {
    const output = model.predict(tf.tensor4d(images, [...dims])) as tf.Tensor;
    return output.rank === 4 ? tf.transpose(output, [0, 3, 1, 2]) : output;
  });
  const data = (await output.data()) as Float32Array;
  output.dispose();
  return { dims: output.shape, data };
}

/** The largest difference between a converted Keras model and TensorFlow.js on two images. */
export async function disagreement(model: tf.LayersModel): Promise<number> {
  seedWeights(model);
  const [, h, w, c] = model.inputs[0]!.shape as number[];
  const dims = [2, h!, w!, c!] as const;
  const images = noise(2 * h! * w! * c!);
  const onnx = await runOnnx(await convertSaved(await save(model)), images, dims);
  const reference = await expected(model, images, dims);
  if (onnx.dims.join() !== reference.dims.join()) return Number.POSITIVE_INFINITY;
  return largestDifference(onnx.data as Float32Array, reference.data);
}
