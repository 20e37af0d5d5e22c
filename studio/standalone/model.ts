/** Runs the model in the browser with parts of `graft-ml/web` and a runtime that is embedded in the page. */
import * as ort from "onnxruntime-web/wasm";
import { predictImage, predictionOf, readArtifact } from "../../src/model/predict.ts";
import { openSession, useEngine } from "../../src/onnx/session/session.ts";
import type { ModelPrediction } from "../../src/studio/api.ts";
import { pixelsOf } from "../../src/web/page-pixels.ts";

export interface Model {
  predict(image: Blob): Promise<ModelPrediction>;
}

/** Opens the model on WebAssembly with one thread, because a page opened from disk has no shared memory. Downloads nothing. */
export async function loadModel(model: Uint8Array<ArrayBuffer>, runtime: Uint8Array<ArrayBuffer>): Promise<Model> {
  ort.env.wasm.wasmBinary = runtime.buffer;
  ort.env.wasm.numThreads = 1;
  useEngine({ ort, providers: ["wasm"] });
  const artifact = readArtifact(model, "The model");
  const session = await openSession(model);
  return {
    async predict(image) {
      const outputs = await predictImage(session, await pixelsOf(image));
      const { top, unknown = false } = predictionOf(artifact, outputs, artifact.classes.length);
      return { answers: top, unknown };
    },
  };
}
