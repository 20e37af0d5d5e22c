/** The model in the visitor's browser: `graft-ml/web`'s parts, with a runtime that is in the page itself. */
import * as ort from "onnxruntime-web/wasm";
import { predictImage, predictionOf, readArtifact } from "../../src/artifact/artifact.ts";
import { useEngine } from "../../src/runtime/engine.ts";
import { openSession } from "../../src/runtime/session.ts";
import type { Prediction } from "../../src/studio/api.ts";
import { pixelsOf } from "../../src/web/pixels.ts";

export interface Model {
  predict(picture: Blob): Promise<Prediction>;
}

/** Opens the model on WebAssembly, one thread: a page from a disk has no shared memory. Nothing is fetched. */
export async function loadModel(model: Uint8Array<ArrayBuffer>, runtime: Uint8Array<ArrayBuffer>): Promise<Model> {
  ort.env.wasm.wasmBinary = runtime.buffer;
  ort.env.wasm.numThreads = 1;
  useEngine({ ort, providers: ["wasm"] });
  const artifact = readArtifact(model, "The model");
  const session = await openSession(model);
  return {
    async predict(picture) {
      const answer = await predictImage(session, await pixelsOf(picture));
      const { top, unknown = false } = predictionOf(artifact, answer, artifact.classes.length);
      return { answers: top, unknown };
    },
  };
}
