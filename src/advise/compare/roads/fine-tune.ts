/** The middle road: the head first, then the network's last stages with it, as `graft train --unfreeze` does. */
import { createRandom } from "../../../base/random.ts";
import type { AugmentationName } from "../../../data/augment/policy.ts";
import { stratifiedSplit, VALIDATION_SHARE } from "../../../data/split.ts";
import { finetune, type Labelled } from "../../../train/finetune/finetune.ts";
import { fitHead, headLogits } from "../../../train/head/fit.ts";
import type { Network } from "../../../zoo/network.ts";
import type { Frozen } from "./frozen.ts";
import { rightIn, shareOf, type TakeRoad } from "./road.ts";

export interface FineTuneOptions {
  /** As for `--unfreeze`. */
  readonly unfreeze: string;
  readonly augment: AugmentationName;
}

/** Until a first run has told: seconds of one picture in one epoch, and of one view through the frozen part, as multiples of its features'. */
const STEP_GUESS = 2;
const FRONT_GUESS = 1;
const BATCH = 32;
const FEWEST_EPOCHS = 3;
const MOST_EPOCHS = 30;
/** All runs see the same views of a picture, so that what the frozen part makes of them is computed once. */
const VIEW_SEED = 0;

/** The road, which learns from its own runs how long a run takes. */
export function fineTuneRoad(
  network: Network,
  frozen: Frozen,
  classes: number,
  { unfreeze, augment }: FineTuneOptions,
): TakeRoad {
  const { table, labels, groups, paths, digests, shape, secondsPerPicture } = frozen;
  let stepSeconds = STEP_GUESS * secondsPerPicture;
  let frontSeconds = FRONT_GUESS * secondsPerPicture;
  const labelled = (rows: readonly number[]): Labelled => ({
    pictures: rows.map((row) => ({ path: paths[row]!, digest: digests[row]! })),
    labels: Int32Array.from(rows, (row) => labels[row]!),
  });
  return async ({ learn, judged, seed, seconds, onProgress, signal }) => {
    const began = performance.now();
    const own = learn.map((row) => labels[row]!);
    const { kept, held } = stratifiedSplit(
      own,
      VALIDATION_SHARE,
      createRandom(seed),
      learn.map((row) => groups[row]!),
    );
    // Where no class has three pictures, the ones learned from must do for telling when to stop.
    const train = kept.map((i) => learn[i]!);
    const validation = held.length > 0 ? held.map((i) => learn[i]!) : train;
    const random = createRandom(seed);
    const { head } = await fitHead(table.select(train), labelled(train).labels, classes, random, {
      groups: train.map((row) => groups[row]!),
      signal,
    });
    const headSeconds = (performance.now() - began) / 1000;
    const perEpoch = train.length * stepSeconds;
    // Each epoch shows another view, up to eight: each of those goes through the frozen part once.
    const perView = augment === "none" ? 0 : train.length * frontSeconds;
    const epochs = Math.round(seconds / (perEpoch + perView / 2));
    const judgedAndLearned = [...judged, ...train];
    const tuned = await finetune(
      {
        ...{ network, shape, head, classes, onProgress, signal },
        train: labelled(train),
        validation: labelled(validation),
        test: labelled(judgedAndLearned),
        classWeights: "none",
        seed: VIEW_SEED,
      },
      {
        ...{ unfreeze, augment, batch: Math.min(BATCH, train.length) },
        epochs: Math.min(MOST_EPOCHS, Math.max(FEWEST_EPOCHS, epochs)),
      },
    );
    const { facts } = tuned;
    if (tuned.stepRate > 0) stepSeconds = 1.2 / tuned.stepRate;
    if (facts.front.rate > 0 && facts.front.computed > 32) frontSeconds = 1 / facts.front.rate;
    const logits = tuned.tuned?.testLogits ?? headLogits(head, table.select(judgedAndLearned));
    const right = rightIn(
      logits,
      judgedAndLearned.map((row) => labels[row]!),
    );
    const views = Math.max(1, facts.views) * train.length;
    return {
      correct: right.slice(0, judged.length),
      trainAccuracy: shareOf(right.subarray(judged.length)),
      seconds:
        learn.length * secondsPerPicture +
        headSeconds +
        ((facts.epochs * train.length) / Math.max(tuned.stepRate, 1e-9)) * (tuned.stepRate > 0 ? 1 : 0) +
        views * frontSeconds,
    };
  };
}
