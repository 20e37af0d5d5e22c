/** The thread of one lane: computes features with its own sessions. It is started by lanes.ts. */
// Telemetry is off already: the environment of this thread would be too late, so the thread that starts it turns it off.
import { parentPort, workerData } from "node:worker_threads";
import { answerCalls } from "../../base/threads.ts";
import { withImage } from "../../data/image/decode.ts";
import { FEATURES } from "../../networks/backbone/backbone.ts";
import { openSession } from "../../onnx/session/session.ts";
import { type ComputedImages, computeImages, type FileToCompute, runFrozen } from "./compute.ts";
import type { LaneData } from "./lanes.ts";
import { traitRecordOf } from "./trait-cache.ts";

const { preparation, backbone, inputDims, threads } = workerData as LaneData;
// ONNX Runtime does not accept shared memory; it keeps its own copy.
const frozen = runFrozen({
  inputDims,
  preparation: () => openSession(preparation, { threads: 1 }),
  network: () => openSession(new Uint8Array(backbone).slice(), { threads }),
  output: FEATURES,
});

/** One image per run: its activations stay in the core's cache, and its features do not depend on other images. */
const answer = (files: readonly FileToCompute[]): Promise<ComputedImages> =>
  computeImages(
    frozen,
    files.map(({ bytes, measure }) => ({
      use: (work) => withImage(bytes, work),
      measure: measure ? (image) => traitRecordOf(image, bytes) : undefined,
    })),
    1,
  );

answerCalls(parentPort!, answer, {
  handedOver: ({ images }) => images.flatMap((one) => ("records" in one ? [one.records.buffer as ArrayBuffer] : [])),
});
