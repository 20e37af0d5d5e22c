/**
 * The way of a picture: accepted or refused, decoded on a bounded number of cores, batched, answered. Memory is bounded at
 * each step: the queue by pictures, decoding and what was decoded by bytes.
 */
import { createBudget } from "../base/concurrency.ts";
import { GraftError, isDataError, messageOf } from "../base/errors.ts";
import { type HeldImage, holdImage } from "../data/image/decode.ts";
import type { RgbImage } from "../data/image/rgb-image.ts";
import { unlessAborted } from "../http/request-bounds.ts";
import { busy, Refusal } from "../http/responses.ts";
import type { Engine } from "./batcher.ts";
import { createBatcher } from "./batcher.ts";
import type { Outcome, Outputs } from "./engine-thread.ts";
import type { Limits } from "./limits.ts";
import type { Metrics } from "./metrics.ts";
import type { ModelVersion } from "./models.ts";

/** What a picture came to: the model's outputs, or why it could not be read. */
export type ImageResult = { readonly outputs: Outputs } | { readonly refusal: Refusal };

export interface Pipeline {
  /**
   * Asks a model about the pictures of one request, all or none of them accepted.
   *
   * @throws Refusal (503) where the queue has no room for them; the signal's reason where that is aborted first
   */
  ask(version: ModelVersion, pictures: readonly Uint8Array[], signal: AbortSignal): Promise<ImageResult[]>;
}

export interface PipelineOptions {
  readonly engine: Pick<Engine, "lanes" | "run">;
  /** Pictures decoded at once. */
  readonly cores: number;
  readonly limits: Limits;
  readonly metrics: Metrics;
}

export function createPipeline({ engine, cores, limits, metrics }: PipelineOptions): Pipeline {
  const { maxPixels, maxQueue, maxBatch } = limits;
  const accepted = createBudget(maxQueue);
  const memory = createBudget(limits.maxDecodeBytes);
  // Far enough ahead for every lane's next batch, no further.
  const aheadOfLanes = 2 * engine.lanes * maxBatch;
  const decoding = createGate(cores, () => batcher.waiting < aheadOfLanes);
  /** Smoothed, for Retry-After. */
  let secondsPerPicture = 0.05;

  const batcher = createBatcher<ModelVersion, RgbImage, Outcome>({
    lanes: engine.lanes,
    maxBatch,
    maxWaitMs: limits.maxWaitMs,
    async run(lane, version, images) {
      const began = performance.now();
      // Their places beside the lanes are free: others may be decoded meanwhile.
      setImmediate(decoding.look);
      try {
        return await engine.run(lane, version.id, images);
      } finally {
        const seconds = (performance.now() - began) / 1000;
        metrics.batch(version.name, images.length, seconds);
        secondsPerPicture += 0.1 * (seconds / images.length / engine.lanes - secondsPerPicture);
      }
    },
  });

  const decode = async (bytes: Uint8Array, signal: AbortSignal): Promise<HeldImage | Refusal> => {
    const began = performance.now();
    try {
      return await decoding.run(() => holdImage(bytes, { maxPixels, memory, signal }), signal);
    } catch (error) {
      if (!isDataError(error)) throw error;
      const isTooLarge = error instanceof GraftError && error.code === "image-too-large";
      return new Refusal(isTooLarge ? 413 : 422, messageOf(error));
    } finally {
      metrics.decoded((performance.now() - began) / 1000);
    }
  };

  const askOne = async (version: ModelVersion, bytes: Uint8Array, signal: AbortSignal): Promise<ImageResult> => {
    const place = batcher.announce(version);
    let held: HeldImage | Refusal;
    try {
      held = await decode(bytes, signal);
    } catch (error) {
      place.leave();
      throw error;
    }
    if (held instanceof Refusal) {
      place.leave();
      return { refusal: held };
    }
    try {
      const outcome = await place.arrive(held.image, signal);
      if ("outputs" in outcome) return outcome;
      const { kind, message } = outcome.failure;
      if (kind === "data") return { refusal: new Refusal(422, message) };
      throw new Error(message);
    } finally {
      held.release();
      decoding.look();
    }
  };

  return {
    async ask(version, pictures, signal) {
      if (!accepted.take(pictures.length)) {
        throw busy(
          `The server is busy with ${accepted.used} images and accepts ${maxQueue} at once: try again later.`,
          accepted.used * secondsPerPicture,
        );
      }
      metrics.queued(accepted.used);
      const release = version.hold();
      // Places in the queue are given back one by one as pictures are done, whatever becomes of the request.
      const results = pictures.map((bytes) =>
        askOne(version, bytes, signal).finally(() => {
          accepted.give(1);
          metrics.queued(accepted.used);
        }),
      );
      try {
        return await unlessAborted(Promise.all(results), signal);
      } finally {
        void Promise.allSettled(results).then(release);
      }
    },
  };
}

// A gate: a bound on how much work is under way at once. Weights are bounded by base/budget.ts.

export interface Gate {
  /** Runs work when it is its turn; throws the signal's reason where that is aborted before. */
  run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Looks again whether work may begin: to be called when what `mayBegin` asks about has changed. */
  look(): void;
}

/**
 * A gate that lets `limit` pieces of work through at once, in the order of their coming.
 *
 * @param mayBegin a further condition; work that is kept waiting by it alone begins after {@link Gate.look}
 */
export function createGate(limit: number, mayBegin: () => boolean = () => true): Gate {
  let running = 0;
  const queue: (() => void)[] = [];
  const look = (): void => {
    while (queue.length > 0 && running < limit && mayBegin()) {
      running++;
      queue.shift()!();
    }
  };
  return {
    look,
    async run(work, signal) {
      await new Promise<void>((begin) => {
        queue.push(begin);
        look();
      });
      try {
        signal?.throwIfAborted();
        return await work();
      } finally {
        running--;
        look();
      }
    },
  };
}
