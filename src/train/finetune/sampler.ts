/**
 * Which examples a step sees, and which view of each: a pure function of the seed and the step's number, so that a run that
 * was interrupted goes on as if it had not been.
 *
 * Epochs are one stream: each is a new permutation of all examples, and the last batch of an epoch is filled up from the
 * first examples of the next one, so that none is dropped and none is seen twice within an epoch.
 */
import { randomFor } from "../../base/random.ts";

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

/** Draws batches; `batch(step)` counts steps from 1. */
export interface Sampler {
  batch(step: number): readonly Drawn[];
  /** Steps until every example was seen `epochs` times. */
  steps(epochs: number): number;
}

/** A sampler. In each epoch an example shows its next view, from one of its own. */
export function createSampler({ examples, views, batch, seed }: SamplerOptions): Sampler {
  const first = Int32Array.from({ length: examples }, (_, example) =>
    randomFor(seed, "first view", example).below(views),
  );
  const permutations = new Map<number, readonly number[]>();
  const permutation = (epoch: number): readonly number[] => {
    const known = permutations.get(epoch);
    if (known) return known;
    // A batch lies in two epochs at most, or in several where there are fewer examples than a batch has.
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
