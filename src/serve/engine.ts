/** The engine: threads in which models are open, each running one batch at a time. What waits for them is the batcher's. */

import { workError } from "../base/errors.ts";
import { callsTo, startThread } from "../base/threads.ts";
import type { RgbImage } from "../data/image/decode.ts";
import type { Outcome, Request, ThreadData, VersionId } from "./engine-thread.ts";

export interface Engine {
  /** Batches that may run at once. */
  readonly lanes: number;
  /** Opens a version in every lane; throws what opening it threw, and leaves nothing open then. */
  open(version: VersionId, path: string, bytes: Uint8Array): Promise<void>;
  /** Runs a batch in the given lane, which must be free. The pictures' memory may be handed over: they are not to be read again. */
  run(lane: number, version: VersionId, images: readonly RgbImage[]): Promise<readonly Outcome[]>;
  close(version: VersionId): Promise<void>;
  /** Ends the threads once they have done what they were told. */
  stop(): Promise<void>;
}

export interface EngineOptions {
  /** Threads, each with its own copy of every model. */
  readonly lanes: number;
  /** Cores that a thread's run may use. */
  readonly coresPerLane: number;
  /** Called where a thread ended that was not told to: the engine is of no use any more. */
  onDeath(error: Error): void;
}

/** Two threads, so that one prepares while the other computes, and the cores shared between them. */
export function lanesFor(cores: number): Pick<EngineOptions, "lanes" | "coresPerLane"> {
  const lanes = Math.min(2, cores);
  return { lanes, coresPerLane: Math.max(1, Math.floor(cores / lanes)) };
}

/** Starts the threads. */
export function startEngine({ lanes, coresPerLane, onDeath }: EngineOptions): Engine {
  let stopping = false;
  const data: ThreadData = { cores: coresPerLane };
  const threads = Array.from({ length: lanes }, () => {
    const worker = startThread(new URL("./engine-thread.ts", import.meta.url), { workerData: data });
    return callsTo<Request, readonly Outcome[] | undefined>(worker, {
      death: workError("An engine thread stopped unexpectedly: start the server again."),
      onEnd: (error) => {
        if (!stopping) onDeath(error);
      },
    });
  });
  const all = (request: Request): Promise<unknown> => Promise.all(threads.map(({ ask }) => ask(request)));
  return {
    lanes,
    async open(version, path, bytes) {
      const tries = await Promise.allSettled(threads.map(({ ask }) => ask({ kind: "open", version, path, bytes })));
      const failed = tries.find((outcome) => outcome.status === "rejected");
      if (!failed) return;
      await all({ kind: "close", version });
      throw failed.reason;
    },
    async run(lane, version, images) {
      return (await threads[lane]!.ask({ kind: "run", version, images }, pixelBuffers(images)))!;
    },
    async close(version) {
      await all({ kind: "close", version });
    },
    async stop() {
      stopping = true;
      await Promise.all(threads.map(({ stop }) => stop({ kind: "stop" })));
    },
  };
}

/** The memory of pictures that have theirs to themselves: handed over, not copied. */
const pixelBuffers = (images: readonly RgbImage[]): ArrayBuffer[] =>
  images.flatMap(({ data }) =>
    !Buffer.isBuffer(data) && data.length === data.buffer.byteLength ? [data.buffer as ArrayBuffer] : [],
  );
