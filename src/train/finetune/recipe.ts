/**
 * One recipe for every dataset: how long, how fast and how varied a fine-tuning is, worked out from how many examples and
 * classes there are. Flags may replace single values; nothing here knows a dataset or a network by name.
 */
import { usageError } from "../../base/errors.ts";
import { type Augmentation, type AugmentationName, augmentationFor, augmentations } from "../../data/augment/policy.ts";

/** Everything that a fine-tuning is set by. */
export interface Recipe {
  readonly epochs: number;
  /** Examples a step. */
  readonly batch: number;
  /** The highest learning rate, of the head; earlier stages learn slower by `stageDecay` each. */
  readonly learningRate: number;
  readonly stageDecay: number;
  readonly weightDecay: number;
  readonly labelSmoothing: number;
  /** Share of all steps in which the learning rate rises to its peak. */
  readonly warmUp: number;
  /** The longest that all gradients together may be. */
  readonly longestGradient: number;
  /** Share of the last moving average of the weights that each step keeps; nothing for no average. */
  readonly averageDecay: number | undefined;
  /** Epochs without a better answer to the validation images after which training ends. */
  readonly patience: number;
  /** Views of each image, as far as the storage budget allows. */
  readonly views: number;
  readonly augmentation: Augmentation;
}

/** What a user may say instead. */
export interface RecipeFlags {
  readonly epochs?: number | undefined;
  readonly batch?: number | undefined;
  readonly learningRate?: number | undefined;
  readonly augment?: AugmentationName | undefined;
}

/**
 * What depends on whether the network was trained before. `seen`: examples that a whole training sees, views of the same one
 * counted each time, within the bounds of epochs.
 */
const PRETRAINED = { seen: 24_000, fewest: 8, most: 40, learningRate: 5e-4, stageDecay: 0.7 };
/** From scratch there is more to learn, and it takes longer. */
const FROM_SCRATCH = { seen: 60_000, fewest: 40, most: 150, learningRate: 2e-3, stageDecay: 1 };
/** More views than this of one image tell little more. */
const MOST_VIEWS = 8;

const MOST_BATCH = 32;

/** A batch is never more than there is to train on: an epoch takes a step at least. */
function batchFor(examples: number, wanted: number | undefined): number {
  if (wanted === undefined) return Math.min(MOST_BATCH, examples);
  if (wanted <= examples) return wanted;
  throw usageError(`--batch ${wanted} is more than there are images to train on: give ${examples} at most.`);
}

/**
 * The recipe for a dataset.
 *
 * @param examples images to train on
 * @param fromScratch whether the network has learned nothing yet
 * @throws GraftError (`usage`) where there are fewer examples than a batch shall have
 */
export function recipeFor(
  {
    examples,
    classes,
    fromScratch = false,
  }: { readonly examples: number; readonly classes: number; readonly fromScratch?: boolean | undefined },
  flags: RecipeFlags = {},
): Recipe {
  const { seen, fewest, most, learningRate, stageDecay } = fromScratch ? FROM_SCRATCH : PRETRAINED;
  const epochs = flags.epochs ?? Math.min(most, Math.max(fewest, Math.round(seen / examples)));
  const augmentation =
    flags.augment === undefined
      ? augmentationFor({ examples, classes })
      : { name: flags.augment, policy: augmentations[flags.augment] };
  return {
    epochs,
    batch: batchFor(examples, flags.batch),
    learningRate: flags.learningRate ?? learningRate,
    stageDecay,
    weightDecay: 0.05,
    labelSmoothing: 0.1,
    warmUp: 0.1,
    longestGradient: 5,
    averageDecay: undefined,
    patience: Math.max(5, Math.ceil(epochs / 3)),
    views: augmentation.name === "none" ? 1 : Math.min(MOST_VIEWS, epochs),
    augmentation,
  };
}
