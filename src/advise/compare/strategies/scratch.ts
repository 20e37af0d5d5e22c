/** From scratch: a small network that learns from nothing, its input size, augmentation and learning rate chosen by validation. */
import { secondsSince } from "../../../base/stopwatch.ts";
import type { AugmentationName } from "../../../data/augment/policy.ts";
import { inspectImage } from "../../../data/inspect.ts";
import { isClearlyBetter } from "../../../train/finetune/judgement.ts";
import { freshHead } from "../../../train/head/fresh.ts";
import { measureCut } from "../../../zoo/backbone.ts";
import { openFresh } from "../../../zoo/fresh-network.ts";
import type { Rung, Trainee } from "../ladder.ts";
import type { Frozen } from "./frozen.ts";
import type { Task } from "./strategy.ts";
import { type Divided, divided, trainRung } from "./train-rung.ts";

/** What tuning chooses. */
export interface Settings {
  /** The architecture, as for `graft train --from-scratch --network`. */
  readonly network: string;
  readonly learningRate: number;
  readonly augment: AugmentationName;
}

export interface ScratchStrategy {
  /** @param tunes whether this task's first training chooses the settings of all */
  prepare(task: Task, tunes?: { readonly seconds: number } | undefined): Trainee;
  /** What tuning settled on; before it what it begins with. */
  settings(): Settings;
}

export interface ScratchInput {
  readonly frozen: Frozen;
  readonly classes: number;
  /** Sides of the input to choose from. */
  readonly sides: readonly (typeof SIDES)[number][];
  /** What varies images of such a dataset by default: tried beside none. */
  readonly augment: AugmentationName;
}

const BATCH = 32;
/** Images that a first training sees, those of several epochs counted each time; and the bounds of its epochs. */
const FIRST_SEEN = 4000;
const [FEWEST_EPOCHS, MOST_FIRST_EPOCHS] = [4, 40];
const FIRST_RATE = 0.003;
const OTHER_RATES = [0.001];
/** Trainings of fewer steps than this tell no settings apart. */
const FEWEST_STEPS = 40;
/** Until a first training has told: seconds for one image in one epoch. */
const STEP_GUESS = 0.01;

export function scratchStrategy({ frozen, classes, sides, augment }: ScratchInput): ScratchStrategy {
  const images = frozen.paths.length;
  let chosen: Settings = { network: sizedFor(images, sides[0]!), learningRate: FIRST_RATE, augment: "none" };

  const trained = async (
    task: Task,
    parts: Divided,
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

  /** Trains with one setting after the other, and leaves the one that does best; of others only those that are clearly better. */
  const tune = async (
    task: Task,
    parts: Divided,
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
      const parts = divided(frozen, task);
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

/** Sides of the input, the first where detail does not matter. */
export const SIDES = [64, 128] as const;

/** More images than this are worth a wider network. */
const MOST_FOR_NARROW = 3000;

/** The network for so many images, seen at a side. */
const sizedFor = (images: number, side: (typeof SIDES)[number]): string =>
  images > MOST_FOR_NARROW ? `small_resnet_wide_${side}` : `small_resnet_${side}`;

/** Images whose size is looked at. */
const LOOKED_AT = 32;

/** The sides worth trying: those that at least half of the images are large enough for. */
export async function sidesFor(paths: readonly string[]): Promise<(typeof SIDES)[number][]> {
  const sizes: number[] = [];
  for (const path of paths.slice(0, LOOKED_AT)) {
    const { width, height } = await inspectImage(path);
    sizes.push(Math.min(width, height));
  }
  const median = sizes.sort((a, b) => a - b)[Math.floor(sizes.length / 2)] ?? 0;
  return SIDES.filter((side, i) => i === 0 || median >= 0.75 * side);
}
