/** How much a training tries before it settles on features: a row for each effort. What is tried is chosen by cross-validation. */
import * as v from "valibot";
import { above, type Described, oneOf, rule, whole } from "../base/option-schemas.ts";
import { type AugmentationName, augmentations } from "../data/image/augment/augmentation-plan.ts";
import type { RecipeFlags } from "./finetune/recipe.ts";

/** What an effort tries beside the network's own cut. */
interface EffortRow {
  /** Cuts that the pass over the images computes anyway, or all that the network has. */
  readonly cuts: "on-the-way" | "all";
  /** Whether features may be averaged over each image and its mirror image, which takes twice the time to predict. */
  readonly mirrors: boolean;
}

export type Effort = "quick" | "better";

export const efforts: Readonly<Record<Effort, EffortRow>> = {
  quick: { cuts: "on-the-way", mirrors: false },
  better: { cuts: "all", mirrors: true },
};

export const DEFAULT_EFFORT: Effort = "quick";

// The options of a training, each described once: what it takes, its default, and what it means together with others. The
// command line, the library, a page and the studio check by these. What the options do is told where their types are.

/** How often each image may be seen at most. More would take years, and is a slip of the hand. */
const MOST_EPOCHS = 100_000;
const MOST_BATCH = 65_536;
/** From about 1 on, no network learns, which a training finds out and tells; beyond this it is a slip of the hand too. */
const MOST_RATE = 1e6;

/** What the recipe of a fine-tuning may be told; without, the dataset's size decides. */
export const recipeEntries = {
  epochs: v.optional(whole(1, MOST_EPOCHS)),
  batch: v.optional(whole(1, MOST_BATCH)),
  learningRate: v.optional(above(0, MOST_RATE)),
  augment: v.optional(oneOf(Object.keys(augmentations) as AugmentationName[])),
} satisfies Described<RecipeFlags>;

export const classWeights = oneOf(["none", "balanced"]);

/** How much is tried before the features are settled on. */
export const effort = oneOf(Object.keys(efforts) as Effort[]);

export const STAGES = "a stage's name, a number of last stages, or all";

/** What trains: a stage and all after it, so many of the last, or `all`. A number is as good as its digits. */
export const unfreeze = v.pipe(
  v.custom<string | number>(
    (value) => (typeof value === "string" && value !== "") || (Number.isSafeInteger(value) && Number(value) >= 1),
    STAGES,
  ),
  v.transform(String),
);

export const boundaryCache = oneOf(["auto", "off"]);

/** `findLr` looks for what `learningRate` says. */
export const oneLearningRate = <T extends { findLr?: boolean | undefined; learningRate?: number | undefined }>() =>
  rule<T>(
    ({ findLr, learningRate }) => !(findLr && learningRate !== undefined),
    "{findLr} looks for the learning rate that {learningRate} gives: leave one of them out.",
  );

/** A fine-tuning starts from the network's own cut, and views are its recipe's matter: an effort would mean nothing to it. */
export const effortWithoutFinetuning = <T extends { effort: Effort }>(
  finetunes: (options: T) => boolean,
  words: string,
) => rule<T>((options) => options.effort === DEFAULT_EFFORT || !finetunes(options), words);
