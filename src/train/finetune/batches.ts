/**
 * The batches of a fine-tuning: which examples and views a step uses, and their stored values as tensors with labels, mixed if the augmentation
 * says so. Batches depend only on the seed and the step's number, so that an interrupted run continues as if it had not been interrupted.
 *
 * Epochs are one stream: each is a new permutation of all examples, and the last batch of an epoch is completed with the first examples of the
 * next one, so that no example is dropped and none is used twice within an epoch.
 */
import { randomFor } from "../../base/random.ts";
import { mixRows, oneHot, planMixup } from "../../data/image/augment/render.ts";
import type { RuntimeTensor } from "../../onnx/session/session.ts";
import type { Location, RecordReader } from "../features/images-and-records.ts";
import type { Batch } from "./step-runner.ts";
import { type Boundary, PARTNERS, SHARE, STORED, storedBytes } from "./trainable-part.ts";

/** One place of a batch. */
export interface Drawn {
  readonly example: number;
  readonly view: number;
}

export interface SamplerOptions {
  readonly examples: number;
  /** Views of each example. */
  readonly views: number;
  readonly batch: number;
  readonly seed: number;
}

/** Draws batches; steps count from 1. */
export interface Sampler {
  batch(step: number): readonly Drawn[];
  /** Steps until every example has been used `epochs` times. */
  steps(epochs: number): number;
}

/** Creates a sampler. Each example starts with a random view, and uses the next one in each epoch. */
export function createSampler({ examples, views, batch, seed }: SamplerOptions): Sampler {
  const first = Int32Array.from({ length: examples }, (_, example) =>
    randomFor(seed, "first view", example).below(views),
  );
  const permutations = new Map<number, readonly number[]>();
  const permutation = (epoch: number): readonly number[] => {
    const known = permutations.get(epoch);
    if (known) return known;
    // A batch spans at most two epochs, or several if there are fewer examples than a batch has.
    if (permutations.size > 1 + Math.ceil(batch / examples)) permutations.clear();
    const made = randomFor(seed, "epoch", epoch).shuffle(Array.from({ length: examples }, (_, example) => example));
    permutations.set(epoch, made);
    return made;
  };
  return {
    steps: (epochs) => Math.ceil((examples * epochs) / batch),
    batch: (step) =>
      Array.from({ length: batch }, (_, place) => {
        const position = (step - 1) * batch + place;
        const epoch = Math.floor(position / examples);
        const example = permutation(epoch)[position % examples]!;
        return { example, view: (first[example]! + epoch) % views };
      }),
  };
}

/** Reads stored images into one tensor `[batch, …]`. It is valid until the next call. */
export type Reader = (locations: readonly Location[]) => RuntimeTensor;

const containers = { uint8: Uint8Array, float16: Uint16Array, float32: Float32Array };

/** Creates a reader with one buffer. With fewer images than a batch, the rest of the buffer keeps its content. */
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

/** Returns the batch of a step by its number: always the same one. */
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
