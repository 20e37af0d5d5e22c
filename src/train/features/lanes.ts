/**
 * Lanes: threads that compute features, each with sessions of its own that run on one core. ONNX Runtime's runs block the thread that
 * makes them, so decoding and the backbone take turns in one thread, and half of the cores wait; in lanes all cores do both. What that
 * gains is in docs/measured.md.
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

/** What a lane is started with. */
export interface LaneData {
  readonly preparation: Uint8Array;
  /** The backbone's file, in memory that all lanes share. */
  readonly backbone: SharedArrayBuffer;
  readonly inputDims: readonly number[];
  readonly threads: number;
}

/** Calls under way or waiting in each lane, so that one decodes while the other runs. */
const CALLS_A_LANE = 2;
/** More lanes would share the memory's bandwidth. */
const MOST_LANES = 8;
/** What all copies of the weights may take, beyond the one that there is anyway. */
const COPIES_BYTES = 256 << 20;

/** How many lanes a model may have on this machine; 1 means that they gain nothing. */
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

/** The threads' memory is the process': files wait here until there is enough for all of a call. */
async function computeIn(
  thread: Thread<readonly FileToCompute[], ComputedImages>,
  files: readonly FileToCompute[],
): Promise<ComputedImages> {
  const computed: Computed[] = [];
  let needed = 0;
  const taken: number[] = [];
  for (const [at, { bytes }] of files.entries()) {
    try {
      needed += await memoryToDecode(bytes);
      taken.push(at);
    } catch (error) {
      if (!isDataError(error)) throw error;
      computed[at] = { unreadable: messageOf(error) };
    }
  }
  const memory = processMemory();
  await memory.wait(needed);
  try {
    const found = await thread.ask(taken.map((at) => files[at]!));
    taken.forEach((at, row) => {
      computed[at] = found.images[row]!;
    });
    return { ...found, images: computed };
  } finally {
    memory.give(needed);
  }
}
