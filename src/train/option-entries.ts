/**
 * The options of a training that all platforms share: schemas, defaults and rules between options. The command line, the library, the page
 * and the studio check with them; the meaning of each option is documented at its type.
 */
import * as v from "valibot";
import { above, type Described, oneOf, rule, whole } from "../base/option-schemas.ts";
import { type AugmentationName, augmentations } from "../data/image/augment/augmentation-plan.ts";
import type { RecipeFlags } from "./finetune/recipe.ts";

/** What an effort tries besides the network's own cut. */
interface EffortRow {
  /** Cuts that the pass over the images computes anyway, or all cuts of the network. */
  readonly cuts: "on-the-way" | "all";
  /** Whether to try features averaged over each image and its mirror image, which doubles the time of a prediction. */
  readonly mirrors: boolean;
}

export type Effort = "quick" | "better";

export const efforts: Readonly<Record<Effort, EffortRow>> = {
  quick: { cuts: "on-the-way", mirrors: false },
  better: { cuts: "all", mirrors: true },
};

export const DEFAULT_EFFORT: Effort = "quick";

/** Upper bounds, which catch typing errors: more epochs than this would take years. */
const MOST_EPOCHS = 100_000;
const MOST_BATCH = 65_536;
/** No network learns at rates above about 1; the training detects and reports that. */
const MOST_RATE = 1e6;

/** The values of a fine-tuning recipe that users may set; by default the size of the dataset decides. */
export const recipeEntries = {
  epochs: v.optional(whole(1, MOST_EPOCHS)),
  batch: v.optional(whole(1, MOST_BATCH)),
  learningRate: v.optional(above(0, MOST_RATE)),
  augment: v.optional(oneOf(Object.keys(augmentations) as AugmentationName[])),
} satisfies Described<RecipeFlags>;

export const classWeights = oneOf(["none", "balanced"]);

/** How many features a training tries. */
export const effort = oneOf(Object.keys(efforts) as Effort[]);

export const STAGES = "a stage's name, a number of last stages, or all";

/** What trains: a stage and all after it, a number of last stages, or `all`. A number and its digits are equivalent. */
export const unfreeze = v.pipe(
  v.custom<string | number>(
    (value) => (typeof value === "string" && value !== "") || (Number.isSafeInteger(value) && Number(value) >= 1),
    STAGES,
  ),
  v.transform(String),
);

export const boundaryCache = oneOf(["auto", "off"]);

/** `findLr` searches for the value that `learningRate` sets. */
export const oneLearningRate = <T extends { findLr?: boolean | undefined; learningRate?: number | undefined }>() =>
  rule<T>(
    ({ findLr, learningRate }) => !(findLr && learningRate !== undefined),
    "{findLr} looks for the learning rate that {learningRate} gives: leave one of them out.",
  );

/** Fine-tuning starts from the network's own cut, and its recipe sets the views, so that an effort has no effect. */
export const effortWithoutFinetuning = <T extends { effort: Effort }>(
  finetunes: (options: T) => boolean,
  message: string,
) => rule<T>((options) => options.effort === DEFAULT_EFFORT || !finetunes(options), message);
