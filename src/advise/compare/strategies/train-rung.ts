/** One training of `train/finetune` for a comparison: the same loop and recipe as of `graft train`, on some of the images. */

import { createRandom } from "../../../base/random.ts";
import { secondsSince } from "../../../base/stopwatch.ts";
import { stratifiedSplit, VALIDATION_SHARE } from "../../../data/split.ts";
import { rightIn } from "../../../evaluate/softmax.ts";
import { type FinetuneInput, type FinetuneOptions, finetune, type Labelled } from "../../../train/finetune/finetune.ts";
import { judge } from "../../../train/finetune/judgement.ts";
import { countLabels } from "../../../train/head/fit.ts";
import type { Rung } from "../ladder.ts";
import { accuracyOf } from "../run.ts";
import type { Frozen } from "./frozen.ts";
import type { Task } from "./strategy.ts";

/** Images of a task: those trained on, and those held out to judge a training by. */
export interface Divided {
  readonly train: readonly number[];
  readonly validation: readonly number[];
}

/** Holds out as many of the images that may be learned from as `graft train` does. */
export function divided({ labels, groups }: Pick<Frozen, "labels" | "groups">, { learn, seed }: Task): Divided {
  const { kept, held } = stratifiedSplit(
    learn.map((row) => labels[row]!),
    VALIDATION_SHARE,
    createRandom(seed),
    learn.map((row) => groups[row]!),
  );
  const train = kept.map((i) => learn[i]!);
  // Where no class has three images, those learned from must do.
  return { train, validation: held.length > 0 ? held.map((i) => learn[i]!) : train };
}

const labelledOf = ({ paths, digests, labels, groups }: Frozen, rows: readonly number[]): Labelled => ({
  pictures: rows.map((row) => ({ path: paths[row]!, digest: digests[row]! })),
  labels: Int32Array.from(rows, (row) => labels[row]!),
  groups: rows.map((row) => groups[row]!),
});

/** What a training is besides its images. */
export interface Trained extends Pick<FinetuneInput, "network" | "shape" | "head" | "classes" | "title"> {
  readonly seed: number;
  readonly options: FinetuneOptions & { readonly epochs: number };
  /** Logits of rows where training does not outdo what it began with. Default those of the classes' shares: what has learned nothing. */
  readonly begins?: ((rows: readonly number[]) => Float32Array) | undefined;
}

/** Trains for so many epochs, and judges what comes out. */
export async function trainRung(
  frozen: Frozen,
  { judged, onProgress, signal }: Task,
  { train, validation }: Divided,
  { network, shape, head, classes, title, seed, options, begins }: Trained,
  enough: AbortSignal | undefined,
): Promise<Rung> {
  const began = performance.now();
  const asked = [...judged, ...train];
  const learned = labelledOf(frozen, train);
  const held = labelledOf(frozen, validation);
  const { tuned, facts } = await finetune(
    {
      ...{ network, shape, head, classes, title, seed, onProgress, signal, enough },
      ...{ train: learned, validation: held, test: labelledOf(frozen, asked), classWeights: "none" },
      // Whether longer training helps is what is asked: patience would answer for it.
      patience: Number.POSITIVE_INFINITY,
    },
    options,
  );
  const answer = begins ?? sharesOf(learned.labels, classes);
  const right = rightIn(
    tuned?.testLogits ?? answer(asked),
    asked.map((row) => frozen.labels[row]!),
    classes,
  );
  const groups = validation.map((row) => frozen.groups[row]!);
  return {
    epochs: facts.history.length,
    seconds: secondsSince(began),
    isCut: facts.history.length < options.epochs,
    isBeginning: tuned === undefined,
    validation: judge(tuned?.validationLogits ?? answer(validation), { labels: held.labels, groups }, classes, seed),
    trainAccuracy: accuracyOf({ correct: right.subarray(judged.length) }),
    correct: right.slice(0, judged.length),
  };
}

/** The same logits for every row: those of the classes' shares. */
function sharesOf(labels: Int32Array, classes: number): (rows: readonly number[]) => Float32Array {
  const shares = countLabels(labels, classes).map((count) => Math.log(Math.max(count, 0.5) / labels.length));
  return (rows) => Float32Array.from(rows.flatMap(() => shares));
}
