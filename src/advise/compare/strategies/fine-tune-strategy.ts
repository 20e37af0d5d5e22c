/**
 * The strategy of fine-tuning, and one training of a network for a comparison, with the loop and recipe of `graft train`; the strategy from
 * scratch uses it too.
 */

import { secondsSince } from "../../../base/progress.ts";
import { createRandom } from "../../../base/random.ts";
import { stratifiedSplit, VALIDATION_SHARE } from "../../../data/dataset/split.ts";
import type { AugmentationName } from "../../../data/image/augment/augmentation-plan.ts";
import { correctFlags } from "../../../metrics/logits.ts";
import type { Network } from "../../../networks/network.ts";
import { knownFile } from "../../../train/features/image-files.ts";
import {
  type FinetuneInput,
  type FinetuneOptions,
  finetune,
  type Labelled,
} from "../../../train/finetune/finetune-or-probe.ts";
import { scoreValidation } from "../../../train/finetune/validation.ts";
import { countLabels, fitHead, headLogits } from "../../../train/head/fit.ts";
import { nodeEnvironment } from "../../../train/node.ts";
import { accuracyOf } from "../comparison-runs.ts";
import type { Rung } from "../training-ladder.ts";
import type { Frozen, Prepare, Task } from "./probe-strategy.ts";

/** The images of a task: those trained on, and those held out for validation. */
export interface TaskSplit {
  readonly train: readonly number[];
  readonly validation: readonly number[];
}

/** Holds out the same share of a task's images as `graft train` does. */
export function splitTask({ labels, groups }: Pick<Frozen, "labels" | "groups">, { learn, seed }: Task): TaskSplit {
  const { kept, held } = stratifiedSplit(
    learn.map((row) => labels[row]!),
    VALIDATION_SHARE,
    createRandom(seed),
    learn.map((row) => groups[row]!),
  );
  const train = kept.map((i) => learn[i]!);
  // If no class has three images, validation uses the training images.
  return { train, validation: held.length > 0 ? held.map((i) => learn[i]!) : train };
}

const labelledOf = ({ paths, digests, labels, groups }: Frozen, rows: readonly number[]): Labelled => ({
  images: rows.map((row) => knownFile(paths[row]!, digests[row]!)),
  labels: Int32Array.from(rows, (row) => labels[row]!),
  groups: rows.map((row) => groups[row]!),
});

/** A training, apart from its images. */
export interface RungTraining extends Pick<FinetuneInput, "network" | "shape" | "head" | "classes" | "title"> {
  readonly seed: number;
  readonly options: FinetuneOptions & { readonly epochs: number };
  /**
   * Logits of rows if training does not improve on the initial weights. Default: the classes' shares, as of a network that has learned
   * nothing.
   */
  readonly initialLogits?: ((rows: readonly number[]) => Float32Array) | undefined;
}

/** Trains for a number of epochs, and evaluates the result. */
export async function trainRung(
  frozen: Frozen,
  { evaluated, onProgress, signal }: Task,
  { train, validation }: TaskSplit,
  { network, shape, head, classes, title, seed, options, initialLogits }: RungTraining,
  enough: AbortSignal | undefined,
): Promise<Rung> {
  const began = performance.now();
  const tested = [...evaluated, ...train];
  const learned = labelledOf(frozen, train);
  const held = labelledOf(frozen, validation);
  const { tuned, facts } = await finetune(
    {
      ...{ network, shape, head, classes, title, seed, onProgress, signal, enough },
      ...{ train: learned, validation: held, test: labelledOf(frozen, tested), classWeights: "none" },
      // Early stopping would distort the measurement of longer training.
      patience: Number.POSITIVE_INFINITY,
    },
    options,
    nodeEnvironment,
  );
  const logitsOf = initialLogits ?? sharesOf(learned.labels, classes);
  const right = correctFlags(
    tuned?.testLogits ?? logitsOf(tested),
    tested.map((row) => frozen.labels[row]!),
    classes,
  );
  const groups = validation.map((row) => frozen.groups[row]!);
  return {
    epochs: facts.history.length,
    seconds: secondsSince(began),
    isCut: facts.history.length < options.epochs,
    isBeginning: tuned === undefined,
    validation: scoreValidation(
      tuned?.validationLogits ?? logitsOf(validation),
      { labels: held.labels, groups },
      classes,
      seed,
    ),
    trainAccuracy: accuracyOf({ correct: right.subarray(evaluated.length) }),
    correct: right.slice(0, evaluated.length),
  };
}

/** The same logits for every row: the log shares of the classes. */
function sharesOf(labels: Int32Array, classes: number): (rows: readonly number[]) => Float32Array {
  const shares = countLabels(labels, classes).map((count) => Math.log(Math.max(count, 0.5) / labels.length));
  return (rows) => Float32Array.from(rows.flatMap(() => shares));
}

// The strategy of fine-tuning: first the head, then the network's last stages with it, as `graft train --unfreeze` does.

export interface FineTuneOptions {
  /** As for `--unfreeze`. */
  readonly unfreeze: string;
  /** Called when a training begins. */
  readonly augment: () => AugmentationName;
}

/**
 * Guesses until the first training is measured: seconds per image and epoch, and per view through the frozen part, as multiples of the
 * seconds of its features.
 */
const STEP_GUESS = 2;
const FROZEN_GUESS = 1;
const BATCH = 32;
/** Images that the first training sees over all epochs, and the bounds of its epochs. */
const FIRST_SEEN = 1500;
const [FEWEST_EPOCHS, MOST_FIRST_EPOCHS] = [2, 8];
/** All trainings see the same views of an image, so that the frozen part computes each view once. */
const VIEW_SEED = 0;

export function fineTuning(
  network: Network,
  frozen: Frozen,
  classes: number,
  { unfreeze, augment }: FineTuneOptions,
): Prepare {
  const { table, labels, groups, shape, secondsPerImage } = frozen;
  return async (task) => {
    const parts = splitTask(frozen, task);
    const { train } = parts;
    const { head } = await fitHead(
      table.select(train),
      Int32Array.from(train, (row) => labels[row]!),
      classes,
      createRandom(task.seed),
      { groups: train.map((row) => groups[row]!), signal: task.signal },
    );
    const first = Math.min(MOST_FIRST_EPOCHS, Math.max(FEWEST_EPOCHS, Math.round(FIRST_SEEN / train.length)));
    return {
      first,
      guess: train.length * secondsPerImage * (first * STEP_GUESS + FROZEN_GUESS * Math.min(first, 8)),
      async train(epochs, enough) {
        const rung = await trainRung(
          frozen,
          task,
          parts,
          {
            ...{ network, shape, head, classes, seed: VIEW_SEED, title: `Fine-tuning on ${task.learn.length} images` },
            options: { unfreeze, augment: augment(), batch: Math.min(BATCH, train.length), epochs },
            initialLogits: (rows) => headLogits(head, table.select(rows)),
          },
          enough,
        );
        return rung;
      },
    };
  };
}
