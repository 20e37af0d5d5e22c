/** The engine: threads in which models are open, each running one batch at a time. What waits for them is the batcher's. */
import { type EventEmitter, once } from "node:events";
import type { Worker } from "node:worker_threads";
import { GraftError, workError } from "../../base/errors.ts";
import { startThread } from "../../base/thread.ts";
import type { RgbImage } from "../../data/decode.ts";
import type { Call, Failure, Outcome, Reply, Request, VersionId } from "./messages.ts";
import type { ThreadData } from "./thread.ts";

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
    const worker = startThread(new URL("./thread.ts", import.meta.url), { workerData: data });
    return speakTo(worker, (error) => {
      if (!stopping) onDeath(error);
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
      await Promise.all(threads.map(({ stop }) => stop()));
    },
  };
}

/** The memory of pictures that have theirs to themselves: handed over, not copied. */
const pixelBuffers = (images: readonly RgbImage[]): ArrayBuffer[] =>
  images.flatMap(({ data }) =>
    !Buffer.isBuffer(data) && data.length === data.buffer.byteLength ? [data.buffer as ArrayBuffer] : [],
  );

interface Thread {
  ask(request: Request, handedOver?: readonly ArrayBuffer[]): Promise<readonly Outcome[] | undefined>;
  stop(): Promise<void>;
}

interface Waiting {
  resolve(value: readonly Outcome[] | undefined): void;
  reject(error: Error): void;
}

const errorOf = ({ kind, message }: Failure): Error => (kind ? new GraftError(kind, message) : new Error(message));

/** Questions and answers with one thread; those without an answer when it ends fail. */
function speakTo(worker: Worker, onEnd: (error: Error) => void): Thread {
  const waiting = new Map<number, Waiting>();
  let [calls, isAlive] = [0, true];
  let death: Error = workError("An engine thread ended unexpectedly: start the server again.");
  worker.on("message", (reply: Reply) => {
    const asked = waiting.get(reply.call);
    waiting.delete(reply.call);
    if (reply.failure) asked?.reject(errorOf(reply.failure));
    else asked?.resolve(reply.value);
  });
  worker.on("error", (error) => {
    death = error instanceof Error ? error : new Error(String(error));
  });
  worker.on("exit", () => {
    isAlive = false;
    for (const { reject } of waiting.values()) reject(death);
    waiting.clear();
    onEnd(death);
  });
  const ask: Thread["ask"] = (request, handedOver = []) =>
    new Promise((resolve, reject) => {
      if (!isAlive) return reject(death);
      const call: Call = { call: calls++, request };
      waiting.set(call.call, { resolve, reject });
      worker.postMessage(call, handedOver);
    });
  return {
    ask,
    async stop() {
      if (!isAlive) return;
      const ended = once(worker as EventEmitter, "exit");
      await ask({ kind: "stop" });
      await ended;
    },
  };
}
