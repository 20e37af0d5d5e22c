/**
 * Dynamic batching: items that arrive one by one → batches for free lanes, with a limit on waiting; and the engine, whose
 * threads are the lanes. The batcher knows nothing of images, models or HTTP; the clock and the work are passed in.
 *
 * An item waits for others only while a lane is free, more items of its key are coming, and the limit is not reached: a lone
 * client never waits, and under load batches fill up while the lanes are busy.
 */
import { workError } from "../base/errors.ts";
import { callsTo, startThread } from "../base/threads.ts";
import type { RgbImage } from "../data/image/decode.ts";
import type { Outcome, Request, ThreadData, VersionId } from "./engine-thread.ts";

export interface BatcherOptions<Key, Item, Result> {
  /** The maximum number of batches at once. */
  readonly lanes: number;
  readonly maxBatch: number;
  /** The maximum wait of an item for others while a lane is free, in milliseconds. */
  readonly maxWaitMs: number;
  /** Runs one batch of items of one key; returns a result for each, in order. */
  run(lane: number, key: Key, items: readonly Item[]): Promise<readonly Result[]>;
  /** Milliseconds of a clock that never goes back; default `performance.now`. */
  readonly now?: (() => number) | undefined;
}

/** An announced item. Call exactly one of its methods, once. */
export interface Announced<Item, Result> {
  /** The item has arrived: it runs with the next batch, unless `signal` is aborted before. */
  arrive(item: Item, signal?: AbortSignal): Promise<Result>;
  /** It will not come. */
  leave(): void;
}

export interface Batcher<Key, Item, Result> {
  /** Announces an item of a key that is being received or decoded. */
  announce(key: Key): Announced<Item, Result>;
  /** Items that have arrived and do not run yet. */
  readonly waiting: number;
}

interface Waiting<Item, Result> {
  readonly item: Item;
  readonly since: number;
  readonly signal: AbortSignal | undefined;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

interface Line<Item, Result> {
  onTheWay: number;
  readonly waiting: Waiting<Item, Result>[];
}

/** A batcher without items. */
export function createBatcher<Key, Item, Result>(
  options: BatcherOptions<Key, Item, Result>,
): Batcher<Key, Item, Result> {
  const { maxBatch, maxWaitMs, now = () => performance.now() } = options;
  const lines = new Map<Key, Line<Item, Result>>();
  const free = Array.from({ length: options.lanes }, (_, lane) => lane);
  let timer: NodeJS.Timeout | undefined;

  const lineOf = (key: Key): Line<Item, Result> => {
    const line = lines.get(key) ?? { onTheWay: 0, waiting: [] };
    lines.set(key, line);
    return line;
  };

  /** Drops aborted items, and empty lines. */
  const tidy = (): void => {
    for (const [key, line] of lines) {
      for (let i = line.waiting.length - 1; i >= 0; i--) {
        const { signal, reject } = line.waiting[i]!;
        if (!signal?.aborted) continue;
        line.waiting.splice(i, 1);
        reject(signal.reason);
      }
      if (line.onTheWay === 0 && line.waiting.length === 0) lines.delete(key);
    }
  };

  /** When the first item of a line may run; in the past if no more items are coming. */
  const dueAt = ({ waiting, onTheWay }: Line<Item, Result>): number =>
    onTheWay === 0 || waiting.length >= maxBatch ? Number.NEGATIVE_INFINITY : waiting[0]!.since + maxWaitMs;

  const dispatch = (): void => {
    clearTimeout(timer);
    tidy();
    while (free.length > 0) {
      // The longest wait goes first, whatever its key.
      const filled = [...lines].filter(([, { waiting }]) => waiting.length > 0);
      const due = filled.filter(([, line]) => dueAt(line) <= now());
      due.sort(([, a], [, b]) => a.waiting[0]!.since - b.waiting[0]!.since);
      const next = due[0];
      if (!next) {
        if (filled.length === 0) return;
        const soonest = Math.min(...filled.map(([, line]) => dueAt(line)));
        timer = setTimeout(dispatch, Math.max(0, soonest - now()));
        return;
      }
      const [key, { waiting }] = next;
      void start(key, waiting.splice(0, Math.min(maxBatch, Math.ceil(waiting.length / free.length))));
    }
  };

  const start = async (key: Key, batch: readonly Waiting<Item, Result>[]): Promise<void> => {
    const lane = free.pop()!;
    try {
      const items = batch.map(({ item }) => item);
      const results = await options.run(lane, key, items);
      for (const [i, { resolve }] of batch.entries()) resolve(results[i]!);
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      free.push(lane);
      dispatch();
    }
  };

  return {
    announce(key) {
      lineOf(key).onTheWay++;
      return {
        arrive(item, signal) {
          const line = lineOf(key);
          line.onTheWay--;
          return new Promise((resolve, reject) => {
            line.waiting.push({ item, since: now(), signal, resolve, reject });
            dispatch();
          });
        },
        leave() {
          lineOf(key).onTheWay--;
          dispatch();
        },
      };
    },
    get waiting() {
      return [...lines.values()].reduce((sum, { waiting }) => sum + waiting.length, 0);
    },
  };
}

// The engine: threads with open models, each running one batch at a time. Items wait in the batcher.

export interface PredictionEngine {
  /** The maximum number of batches at once. */
  readonly lanes: number;
  /** Opens a version in every lane. If that fails, it throws the error and leaves nothing open. */
  open(version: VersionId, path: string, bytes: Uint8Array): Promise<void>;
  /** Runs a batch in the given lane, which must be free. The images' memory may be transferred: do not read them afterwards. */
  run(lane: number, version: VersionId, images: readonly RgbImage[]): Promise<readonly Outcome[]>;
  close(version: VersionId): Promise<void>;
  /** Ends the threads after their current work. */
  stop(): Promise<void>;
}

export interface PredictionEngineOptions {
  /** Threads, each with its own copy of every model. */
  readonly lanes: number;
  /** Cores for one run of a thread. */
  readonly coresPerLane: number;
  /** Called if a thread ends unexpectedly; the engine is then unusable. */
  onDeath(error: Error): void;
}

/** Two threads, so that one prepares while the other computes; they share the cores. */
export function lanesFor(cores: number): Pick<PredictionEngineOptions, "lanes" | "coresPerLane"> {
  const lanes = Math.min(2, cores);
  return { lanes, coresPerLane: Math.max(1, Math.floor(cores / lanes)) };
}

/** Starts the threads. */
export function startEngine({ lanes, coresPerLane, onDeath }: PredictionEngineOptions): PredictionEngine {
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

/** The buffers of images that do not share them: transferred, not copied. */
const pixelBuffers = (images: readonly RgbImage[]): ArrayBuffer[] =>
  images.flatMap(({ data }) =>
    !Buffer.isBuffer(data) && data.length === data.buffer.byteLength ? [data.buffer as ArrayBuffer] : [],
  );
