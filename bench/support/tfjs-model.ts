/** A layers model in TensorFlow.js with its wasm backend, as a user of Node would run it. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join, sep } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";

export interface TfjsModel {
  readonly version: string;
  readonly simd: boolean;
  /** How many threads it may use, in words. */
  readonly threads: string;
  /** `[N, 224, 224, 3]` → `[N, 1000]` */
  forward(pixels: Float32Array, batch: number): Promise<Float32Array>;
}

/** Opens `model.json` and its shards in `folder`. */
export async function openTfjs(folder: string): Promise<TfjsModel> {
  const wasm = createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm");
  setWasmPaths(dirname(wasm) + sep);
  await tf.setBackend("wasm");
  await tf.ready();
  if (tf.getBackend() !== "wasm") throw new Error("TensorFlow.js could not open its wasm backend.");
  const json = JSON.parse(await readFile(join(folder, "model.json"), "utf8")) as tf.io.ModelJSON;
  const groups = json.weightsManifest;
  const shards = await Promise.all(groups.flatMap(({ paths }) => paths).map((path) => readFile(join(folder, path))));
  const model = await tf.loadLayersModel({
    load: async () => ({
      modelTopology: json.modelTopology,
      weightSpecs: groups.flatMap(({ weights }) => weights),
      weightData: new Uint8Array(Buffer.concat(shards)).buffer,
    }),
  });
  const threaded = await tf.env().getAsync("WASM_HAS_MULTITHREAD_SUPPORT");
  return {
    version: tf.version.tfjs,
    simd: Boolean(await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT")),
    threads: threaded ? `${availableParallelism()} threads` : "one thread (it has no more under Node)",
    async forward(pixels, batch) {
      const size = Math.sqrt(pixels.length / batch / 3);
      const output = tf.tidy(() => model.predict(tf.tensor(pixels, [batch, size, size, 3])) as tf.Tensor);
      const data = (await output.data()) as Float32Array;
      output.dispose();
      return data;
    },
  };
}
