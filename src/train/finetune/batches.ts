/** Batches: what is stored of images, read into tensors, with their labels, and mixed where the augmentation says so. */
import { randomFor } from "../../base/random.ts";
import { mixRows, oneHot, planMixup } from "../../data/augment/mixup.ts";
import type { RuntimeTensor } from "../../runtime/session.ts";
import type { Location, RecordReader } from "../features/record-store.ts";
import type { Sampler } from "./sampler.ts";
import type { Batch } from "./step-runner.ts";
import { type Boundary, PARTNERS, SHARE, STORED, storedBytes } from "./trainable-part.ts";

/** Reads stored images into one tensor `[batch, …]`. It is valid until the next call. */
export type Reader = (locations: readonly Location[]) => RuntimeTensor;

const containers = { uint8: Uint8Array, float16: Uint16Array, float32: Float32Array };

/** A reader with one buffer. Fewer images than a batch leave the rest as it was. */
export function createReader(cache: RecordReader, boundary: Boundary, batch: number): Reader {
  const size = storedBytes(boundary);
  const bytes = new Uint8Array(size * batch);
  return (locations) => {
    locations.forEach((at, i) => {
      cache.read(at, bytes.subarray(i * size, (i + 1) * size));
    });
    const data = new containers[boundary.stored](bytes.buffer);
    return { dims: [batch, ...boundary.dims], data, type: boundary.stored === "float16" ? "float16" : undefined };
  };
}

export interface BatchOptions {
  readonly sampler: Sampler;
  readonly reader: Reader;
  /** `[examples][views]` */
  readonly locations: readonly (readonly Location[])[];
  readonly labels: Int32Array;
  readonly classes: number;
  /** Mixup's α; 0 for none. */
  readonly mixup: number;
  readonly seed: number;
}

/** What a step is fed with, by its number: the same whenever it is asked for. */
export function batchesOf(options: BatchOptions): (step: number) => Batch {
  const { sampler, reader, locations, classes, mixup, seed } = options;
  return (step) => {
    const drawn = sampler.batch(step);
    const own = oneHot(
      drawn.map(({ example }) => options.labels[example]!),
      classes,
    );
    const fed = { [STORED]: reader(drawn.map(({ example, view }) => locations[example]![view]!)) };
    const labelled = (data: Float32Array) => ({ labels: { dims: [drawn.length, classes], data } });
    if (mixup === 0) return { ...fed, ...labelled(own) };
    const mixing = planMixup(drawn.length, mixup, randomFor(seed, "mixup", step));
    return {
      ...fed,
      [SHARE]: { dims: [], data: Float32Array.of(mixing.share) },
      [PARTNERS]: { dims: [drawn.length], data: BigInt64Array.from(mixing.partners, BigInt) },
      ...labelled(mixRows(own, mixing)),
    };
  };
}
