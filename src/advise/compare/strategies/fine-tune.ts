/** The strategy of fine-tuning: first the head, then the network's last stages with it, as `graft train --unfreeze` does. */
import { createRandom } from "../../../base/random.ts";
import type { AugmentationName } from "../../../data/augment/policy.ts";
import { fitHead, headLogits } from "../../../train/head/fit.ts";
import type { Network } from "../../../zoo/network.ts";
import type { Frozen } from "./frozen.ts";
import type { Prepare } from "./strategy.ts";
import { splitTask, trainRung } from "./train-rung.ts";

export interface FineTuneOptions {
  /** As for `--unfreeze`. */
  readonly unfreeze: string;
  /** Called when a training begins. */
  readonly augment: () => AugmentationName;
}

/** Guesses until the first training is measured: seconds per image and epoch, and per view through the frozen part, as multiples of the seconds of its features. */
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
