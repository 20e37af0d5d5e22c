/**
 * Lanes: threads that compute features, each with its own sessions on one core. A run of ONNX Runtime blocks its thread, so that decoding and
 * the backbone alternate in a single thread while half of the cores wait; with lanes all cores do both. docs/measured.md has the gain. The
 * computation itself is in compute.ts.
 */
import { availableParallelism } from "node:os";
import { isDataError, messageOf, workError } from "../../base/errors.ts";
import { callsTo, startThread, type Thread } from "../../base/threads.ts";
import { memoryToDecode } from "../../data/image/decode.ts";
import { processMemory } from "../../data/image/image-header.ts";
import { encodeModelWhole } from "../../onnx/codec/write-model.ts";
import type { Model } from "../../onnx/model.ts";
import { LARGE_MODEL_BYTES, weightBytes } from "../../onnx/session/mapped-model.ts";
import type { Computed, ComputedImages, FileToCompute, Lanes } from "./compute.ts";

/** The data of a lane's thread. */
export interface LaneData {
  readonly preparation: Uint8Array;
  /** The backbone's file in shared memory. */
  readonly backbone: SharedArrayBuffer;
  readonly inputDims: readonly number[];
  readonly threads: number;
}

/** Calls in progress or waiting in each lane, so that one decodes while another runs. */
const CALLS_A_LANE = 2;
/** With more lanes, the memory bandwidth limits the speed. */
const MOST_LANES = 8;
/** Maximum bytes of all additional copies of the weights. */
const COPIES_BYTES = 256 << 20;

/** The number of lanes for a model on this machine; 1 means that lanes would not help. */
export function lanesFor(model: Model, cores = availableParallelism()): number {
  const bytes = weightBytes(model);
  if (bytes >= LARGE_MODEL_BYTES) return 1;
  return Math.max(1, Math.min(cores, MOST_LANES, 1 + Math.floor(COPIES_BYTES / Math.max(1, bytes))));
}

/** Starts threads for a backbone. */
export function startLanes(
  model: Model,
  { count, ...data }: Pick<LaneData, "preparation" | "inputDims"> & { readonly count: number },
): Lanes {
  const bytes = encodeModelWhole(model);
  const backbone = new SharedArrayBuffer(bytes.length);
  new Uint8Array(backbone).set(bytes);
  const workerData: LaneData = {
    ...data,
    backbone,
    threads: Math.max(1, Math.floor(availableParallelism() / count)),
  };
  const lanes = Array.from({ length: count }, () => {
    const worker = startThread(new URL("./lane-thread.ts", import.meta.url), { workerData });
    const death = workError("A thread that computes features ended unexpectedly: run the same command again.");
    return { thread: callsTo<readonly FileToCompute[], ComputedImages>(worker, { death }), waiting: 0 };
  });
  return {
    count,
    calls: CALLS_A_LANE * count,
    async compute(files) {
      const lane = lanes.reduce((least, one) => (one.waiting < least.waiting ? one : least));
      lane.waiting++;
      try {
        return await computeIn(lane.thread, files);
      } finally {
        lane.waiting--;
      }
    },
    async close() {
      await Promise.all(lanes.map(({ thread }) => thread.kill()));
    },
  };
}

/** All threads share the process's memory: a call waits until there is enough to decode all of its files. */
async function computeIn(
  thread: Thread<readonly FileToCompute[], ComputedImages>,
  files: readonly FileToCompute[],
): Promise<ComputedImages> {
  const computed: Computed[] = [];
  let needed = 0;
  const readable: number[] = [];
  for (const [at, { bytes }] of files.entries()) {
    try {
      needed += await memoryToDecode(bytes);
      readable.push(at);
    } catch (error) {
      if (!isDataError(error)) throw error;
      computed[at] = { unreadable: messageOf(error) };
    }
  }
  const memory = processMemory();
  await memory.wait(needed);
  try {
    const found = await thread.ask(readable.map((at) => files[at]!));
    readable.forEach((at, row) => {
      computed[at] = found.images[row]!;
    });
    return { ...found, images: computed };
  } finally {
    memory.give(needed);
  }
}
