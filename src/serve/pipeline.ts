/**
 * The path of an image: accepted or refused, decoded on a limited number of cores, batched, predicted. Memory is limited at
 * each step: the queue by images, decoding and decoded images by bytes.
 */
import { createBudget } from "../base/concurrency.ts";
import { GraftError, isDataError, messageOf } from "../base/errors.ts";
import { type HeldImage, holdImage } from "../data/image/decode.ts";
import type { RgbImage } from "../data/image/rgb-image.ts";
import { unlessAborted } from "../http/request-bounds.ts";
import { busy, Refusal } from "../http/responses.ts";
import type { PredictionEngine } from "./batcher.ts";
import { createBatcher } from "./batcher.ts";
import type { Outcome, Outputs } from "./engine-thread.ts";
import type { Limits } from "./limits.ts";
import type { Metrics } from "./metrics.ts";
import type { ModelVersion } from "./models.ts";

/** The result for an image: the model's outputs, or why it could not be read. */
export type ImageResult = { readonly outputs: Outputs } | { readonly refusal: Refusal };

export interface Pipeline {
  /**
   * Runs a model on the images of one request; all or none of them are accepted.
   *
   * @throws Refusal (503) if the queue is full; the signal's reason if it is aborted first
   */
  ask(version: ModelVersion, images: readonly Uint8Array[], signal: AbortSignal): Promise<ImageResult[]>;
}

export interface PipelineOptions {
  readonly engine: Pick<PredictionEngine, "lanes" | "run">;
  /** Images decoded at once. */
  readonly cores: number;
  readonly limits: Limits;
  readonly metrics: Metrics;
}

export function createPipeline({ engine, cores, limits, metrics }: PipelineOptions): Pipeline {
  const { maxPixels, maxQueue, maxBatch } = limits;
  const accepted = createBudget(maxQueue);
  const memory = createBudget(limits.maxDecodeBytes);
  // Far enough ahead for the next batch of every lane, no further.
  const aheadOfLanes = 2 * engine.lanes * maxBatch;
  const decoding = createGate(cores, () => batcher.waiting < aheadOfLanes);
  /** Smoothed, for Retry-After. */
  let secondsPerImage = 0.05;

  const batcher = createBatcher<ModelVersion, RgbImage, Outcome>({
    lanes: engine.lanes,
    maxBatch,
    maxWaitMs: limits.maxWaitMs,
    async run(lane, version, images) {
      const began = performance.now();
      // Their places beside the lanes are free, so that others can be decoded.
      setImmediate(decoding.look);
      try {
        return await engine.run(lane, version.id, images);
      } finally {
        const seconds = (performance.now() - began) / 1000;
        metrics.batch(version.name, images.length, seconds);
        secondsPerImage += 0.1 * (seconds / images.length / engine.lanes - secondsPerImage);
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
    async ask(version, images, signal) {
      if (!accepted.take(images.length)) {
        throw busy(
          `The server is busy with ${accepted.used} images and accepts ${maxQueue} at once: try again later.`,
          accepted.used * secondsPerImage,
        );
      }
      metrics.queued(accepted.used);
      const release = version.hold();
      // Places in the queue become free one by one as images are done, whatever happens to the request.
      const results = images.map((bytes) =>
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

// A gate limits how much work runs at once. base/concurrency.ts limits memory.

export interface Gate {
  /** Runs work when it is its turn; throws the signal's reason if it is aborted before. */
  run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  /** Checks again whether work may begin. Call it when the result of `mayBegin` may have changed. */
  look(): void;
}

/**
 * A gate that runs up to `limit` pieces of work at once, in order of arrival.
 *
 * @param mayBegin a further condition; work that waits only for it begins after {@link Gate.look}
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
