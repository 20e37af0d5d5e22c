/** One lane: computes features with sessions of its own. See lanes.ts. */
// A thread's own environment comes too late: the thread that starts this one has turned telemetry off.
import { parentPort, workerData } from "node:worker_threads";
import { answerCalls } from "../../base/calls.ts";
import { openSession } from "../../runtime/session.ts";
import { type ComputedFiles, computeFiles, type ImageBytes } from "./compute.ts";
import type { LaneData } from "./lanes.ts";
import { computerOf } from "./runner.ts";

const { preparation, backbone, inputDims, threads } = workerData as LaneData;
// ONNX Runtime takes no shared memory; it keeps a copy of its own.
const computer = computerOf(
  inputDims,
  () => openSession(preparation, { threads: 1 }),
  () => openSession(new Uint8Array(backbone).slice(), { threads }),
);

/** One image a run: what a network holds of one stays in the core's cache, and its features do not depend on its neighbours. */
const answer = (files: readonly ImageBytes[]): Promise<ComputedFiles> => computeFiles(computer, files, 1);

answerCalls(parentPort!, answer, {
  handedOver: ({ files }) => files.flatMap((file) => ("features" in file ? [file.features.buffer as ArrayBuffer] : [])),
});
