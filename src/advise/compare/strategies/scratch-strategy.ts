/**
 * The strategy from scratch: a small randomly initialised network; its input size, augmentation and learning rate are tuned by validation.
 */
import { secondsSince } from "../../../base/progress.ts";
import type { AugmentationName } from "../../../data/image/augment/augmentation-plan.ts";
import { inspectImage } from "../../../data/image/decode.ts";
import { measureCut } from "../../../networks/backbone/backbone.ts";
import { openFresh } from "../../../networks/init/fresh-network.ts";
import { isClearlyBetter } from "../../../train/finetune/validation.ts";
import { freshHead } from "../../../train/head/fit.ts";
import type { Rung, Trainee } from "../training-ladder.ts";
import { splitTask, type TaskSplit, trainRung } from "./fine-tune-strategy.ts";
import type { Frozen, Task } from "./probe-strategy.ts";

/** The settings that tuning chooses. */
export interface Settings {
  /** The architecture, as for `graft train --from-scratch --network`. */
  readonly network: string;
  readonly learningRate: number;
  readonly augment: AugmentationName;
}

export interface ScratchStrategy {
  /** @param tunes set if this task's first training tunes the settings for all, within so many seconds */
  prepare(task: Task, tunes?: { readonly seconds: number } | undefined): Trainee;
  /** The tuned settings, or the initial ones before tuning. */
  settings(): Settings;
}

export interface ScratchInput {
  readonly frozen: Frozen;
  readonly classes: number;
  /** Input sizes to choose from. */
  readonly sides: readonly (typeof SIDES)[number][];
  /** The default augmentation for such a dataset: tried besides none. */
  readonly augment: AugmentationName;
}

const BATCH = 32;
/** Images that the first training sees over all epochs, and the bounds of its epochs. */
const FIRST_SEEN = 4000;
const [FEWEST_EPOCHS, MOST_FIRST_EPOCHS] = [4, 40];
const FIRST_RATE = 0.003;
const OTHER_RATES = [0.001];
/** The minimum number of steps for trainings to distinguish settings. */
const FEWEST_STEPS = 40;
/** A guess of the seconds per image and epoch, until the first training is measured. */
const STEP_GUESS = 0.01;

export function scratchStrategy({ frozen, classes, sides, augment }: ScratchInput): ScratchStrategy {
  const images = frozen.paths.length;
  let chosen: Settings = { network: sizedFor(images, sides[0]!), learningRate: FIRST_RATE, augment: "none" };

  const trained = async (
    task: Task,
    parts: TaskSplit,
    { network: name, learningRate, augment: policy }: Settings,
    epochs: number,
    { title, enough }: { readonly title: string; readonly enough: AbortSignal | undefined },
  ): Promise<Rung> => {
    const network = await openFresh(name, task.seed + 1);
    const shape = await measureCut(network);
    const batch = Math.min(BATCH, parts.train.length);
    const options = { unfreeze: "all", fromScratch: true, augment: policy, learningRate, batch, epochs } as const;
    const head = freshHead(shape.features, classes, task.seed + 1);
    const rung = await trainRung(
      frozen,
      task,
      parts,
      { network, shape, head, classes, title, seed: task.seed, options },
      enough,
    );
    return rung;
  };

  /** Trains with one setting after the other and keeps the best one; others replace it only if they are clearly better. */
  const tune = async (
    task: Task,
    parts: TaskSplit,
    epochs: number,
    seconds: number,
    enough: AbortSignal | undefined,
  ): Promise<Rung> => {
    const began = performance.now();
    const steps = (epochs * parts.train.length) / BATCH;
    const attempt = (settings: Settings): Promise<Rung> =>
      trained(task, parts, settings, epochs, { title: "Choosing settings for the network from scratch", enough });
    let best = await attempt(chosen);
    const others: readonly (() => Settings)[] = [
      ...(augment === "none" ? [] : [() => ({ ...chosen, augment })]),
      ...sides.slice(1).map((side) => () => ({ ...chosen, network: sizedFor(images, side) })),
      ...OTHER_RATES.map((learningRate) => () => ({ ...chosen, learningRate })),
    ];
    for (const other of others) {
      const took = secondsSince(began);
      if (steps < FEWEST_STEPS || enough?.aborted || best.isCut || took + best.seconds > seconds) break;
      const settings = other();
      const rung = await attempt(settings);
      if (!rung.isCut && isClearlyBetter(rung.validation, best.validation)) [best, chosen] = [rung, settings];
    }
    return best;
  };

  return {
    settings: () => chosen,
    prepare(task, tunes) {
      const parts = splitTask(frozen, task);
      const count = parts.train.length;
      const first = Math.min(MOST_FIRST_EPOCHS, Math.max(FEWEST_EPOCHS, Math.round(FIRST_SEEN / count)));
      let isTuned = tunes === undefined;
      return {
        first,
        guess: STEP_GUESS * count * first,
        async train(epochs, enough) {
          if (!isTuned && tunes) {
            isTuned = true;
            return tune(task, parts, epochs, tunes.seconds, enough);
          }
          const title = `From scratch on ${task.learn.length} images`;
          return trained(task, parts, chosen, epochs, { title, enough });
        },
      };
    },
  };
}

/** Input sizes; the first suffices if detail does not matter. */
export const SIDES = [64, 128] as const;

/** With more images than this, a wider network is used. */
const MOST_FOR_NARROW = 3000;

/** The network for a number of images at an input size. */
const sizedFor = (images: number, side: (typeof SIDES)[number]): string =>
  images > MOST_FOR_NARROW ? `small_resnet_wide_${side}` : `small_resnet_${side}`;

/** The number of images whose size is inspected. */
const INSPECTED = 32;

/** The input sizes worth trying: those that at least half of the images are large enough for. */
export async function sidesFor(paths: readonly string[]): Promise<(typeof SIDES)[number][]> {
  const sizes: number[] = [];
  for (const path of paths.slice(0, INSPECTED)) {
    const { width, height } = await inspectImage(path);
    sizes.push(Math.min(width, height));
  }
  const median = sizes.sort((a, b) => a - b)[Math.floor(sizes.length / 2)] ?? 0;
  return SIDES.filter((side, i) => i === 0 || median >= 0.75 * side);
}
