/** One training of `train/finetune` for a comparison: the loop and recipe of `graft train`, on some of the images. */

import { createRandom } from "../../../base/random.ts";
import { secondsSince } from "../../../base/stopwatch.ts";
import { stratifiedSplit, VALIDATION_SHARE } from "../../../data/split.ts";
import { rightIn } from "../../../evaluate/softmax.ts";
import { knownFile } from "../../../train/files.ts";
import { type FinetuneInput, type FinetuneOptions, finetune, type Labelled } from "../../../train/finetune/finetune.ts";
import { judge } from "../../../train/finetune/judgement.ts";
import { countLabels } from "../../../train/head/fit.ts";
import { nodeEnvironment } from "../../../train/node.ts";
import type { Rung } from "../ladder.ts";
import { accuracyOf } from "../run.ts";
import type { Frozen } from "./frozen.ts";
import type { Task } from "./strategy.ts";

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
  /** Logits of rows if training does not improve on the initial weights. Default: the classes' shares, as of a network that has learned nothing. */
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
  const right = rightIn(
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
    validation: judge(tuned?.validationLogits ?? logitsOf(validation), { labels: held.labels, groups }, classes, seed),
    trainAccuracy: accuracyOf({ correct: right.subarray(evaluated.length) }),
    correct: right.slice(0, evaluated.length),
  };
}

/** The same logits for every row: the log shares of the classes. */
function sharesOf(labels: Int32Array, classes: number): (rows: readonly number[]) => Float32Array {
  const shares = countLabels(labels, classes).map((count) => Math.log(Math.max(count, 0.5) / labels.length));
  return (rows) => Float32Array.from(rows.flatMap(() => shares));
}
