/** One lane: computes features with sessions of its own. See lanes.ts. */
// A thread's own environment comes too late: the thread that starts this one has turned telemetry off.
import { parentPort, workerData } from "node:worker_threads";
import { answerCalls } from "../../base/threads.ts";
import { withImage } from "../../data/image/decode.ts";
import { FEATURES } from "../../networks/backbone/backbone.ts";
import { openSession } from "../../onnx/session/session.ts";
import { type ComputedImages, computeImages, type FileToCompute, runFrozen } from "./compute.ts";
import type { LaneData } from "./lanes.ts";
import { traitRecordOf } from "./trait-cache.ts";

const { preparation, backbone, inputDims, threads } = workerData as LaneData;
// ONNX Runtime takes no shared memory; it keeps a copy of its own.
const frozen = runFrozen({
  inputDims,
  preparation: () => openSession(preparation, { threads: 1 }),
  network: () => openSession(new Uint8Array(backbone).slice(), { threads }),
  output: FEATURES,
});

/** One image a run: what a network holds of one stays in the core's cache, and its features do not depend on its neighbours. */
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
