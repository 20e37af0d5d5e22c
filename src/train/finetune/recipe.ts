/**
 * The settings of a fine-tuning: which stages train, the recipe for the size of a dataset, and the learning-rate finder. Graphs are divided in
 * trainable-part.ts.
 */
import { usageError } from "../../base/errors.ts";
import { nearest } from "../../base/text.ts";
import {
  type Augmentation,
  type AugmentationName,
  augmentationFor,
  augmentations,
} from "../../data/image/augment/augmentation-plan.ts";
import type { StageCost } from "../../networks/backbone/stages.ts";
import type { Batch, StepRunner, Weights } from "./step-runner.ts";

/** Which stages train. */
export interface Unfrozen {
  /** Names of the trainable stages, in order; the head always trains. */
  readonly stages: readonly string[];
  /** All stages of the network, in order. */
  readonly all: readonly StageCost[];
  /** The tensor at the end of the last frozen stage, by the network's own name; undefined if everything trains. */
  readonly boundary: string | undefined;
}

/**
 * Reads `--unfreeze`: the name of a stage (it and all after it train), `all`, or a number of last stages. A stage's own name takes precedence
 * over a number.
 *
 * @param network its name, for the message
 * @throws GraftError (`usage`) with the list of stages if no stage has that name, or there are fewer
 */
export function unfrozen(all: readonly StageCost[], wanted: string, network: string): Unfrozen {
  const first = firstTrainable(
    all.map(({ name }) => name),
    wanted,
    network,
  );
  return { stages: all.slice(first).map(({ name }) => name), all, boundary: all[first - 1]?.output };
}

function firstTrainable(names: readonly string[], wanted: string, network: string): number {
  const named = names.indexOf(wanted);
  if (named >= 0) return named;
  if (wanted === "all") return 0;
  const list = `the stages of ${network} are ${names.join(", ")}`;
  if (/^\d+$/.test(wanted)) {
    const count = Number(wanted);
    if (count >= 1 && count <= names.length) return names.length - count;
    throw usageError(`--unfreeze ${wanted} does not fit: give 1 to ${names.length}, a stage, or none; ${list}.`);
  }
  const [near] = nearest(wanted, names);
  throw usageError(
    `There is no stage "${wanted}"${near === undefined ? "" : `, did you mean "${near}"`}: ${list}; none and all are possible too.`,
  );
}

// One recipe for every dataset: how long, how fast and how varied a fine-tuning is, from the numbers of examples and classes. Flags may
// replace single values.

/** All settings of a fine-tuning. */
export interface Recipe {
  readonly epochs: number;
  /** Examples per step. */
  readonly batch: number;
  /** The peak learning rate, which is the head's; each stage further from the head learns slower by the factor `stageDecay`. */
  readonly learningRate: number;
  readonly stageDecay: number;
  readonly weightDecay: number;
  readonly labelSmoothing: number;
  /** The share of all steps during which the learning rate rises to its peak. */
  readonly warmUp: number;
  /** The maximum norm of all gradients together. */
  readonly longestGradient: number;
  /** The share of the moving average of the weights that each step keeps; undefined for no average. */
  readonly averageDecay: number | undefined;
  /** Epochs without improvement on the validation images after which training ends. */
  readonly patience: number;
  /** Maximum views of each image; the storage budget may allow fewer. */
  readonly views: number;
  readonly augmentation: Augmentation;
}

/** The values that users may set. */
export interface RecipeFlags {
  readonly epochs?: number | undefined;
  readonly batch?: number | undefined;
  readonly learningRate?: number | undefined;
  readonly augment?: AugmentationName | undefined;
}

/**
 * Values that depend on whether the network is pretrained. `seen`: examples that a whole training uses, every use counted, within the bounds
 * of epochs.
 */
const PRETRAINED = { seen: 24_000, fewest: 8, most: 40, learningRate: 5e-4, stageDecay: 0.7 };
/** Training from scratch has more to learn and takes longer. */
const FROM_SCRATCH = { seen: 60_000, fewest: 40, most: 150, learningRate: 2e-3, stageDecay: 1 };
/** More views of one image add little. */
const MOST_VIEWS = 8;

const MOST_BATCH = 32;

/** A batch never has more examples than the training set: an epoch takes at least one step. */
function batchFor(examples: number, wanted: number | undefined): number {
  if (wanted === undefined) return Math.min(MOST_BATCH, examples);
  if (wanted <= examples) return wanted;
  throw usageError(`--batch ${wanted} is more than there are images to train on: give ${examples} at most.`);
}

/**
 * The recipe for a dataset.
 *
 * @param examples images to train on
 * @param fromScratch whether the network is untrained
 * @throws GraftError (`usage`) if there are fewer examples than the requested batch
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

// The learning-rate finder: a short training whose learning rate rises exponentially until the loss rises; a good rate is below the one with
// the lowest loss. Source: Smith, "Cyclical Learning Rates for Training Neural Networks" (arXiv 1506.01186), §3.3; smoothing, stop and the
// tenth as in Howard and Gugger's fastai (`lr_find`, `minimum`).

export interface RangeTest {
  /** Learning rates with the smoothed loss at each, ascending. */
  readonly points: readonly { readonly learningRate: number; readonly loss: number }[];
  readonly suggested: number;
}

export interface RangeOptions {
  readonly run: StepRunner;
  readonly held: Weights;
  readonly batch: (step: number) => Batch;
  /** Default 80. */
  readonly steps?: number | undefined;
  readonly onStep?: ((step: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Both ends of the range. */
const [LOWEST, HIGHEST] = [1e-6, 1];
export const RANGE_STEPS = 80;
/** The weight of the previous smoothed loss. */
const KEPT = 0.9;
/** A loss this many times the lowest ends the test. */
const DIVERGED = 4;
/** The suggested share of the rate with the lowest loss. */
const SHARE = 0.1;

/** Runs the range test. Does not change the given weights. */
export async function findLearningRate({ run, batch, onStep, signal, ...options }: RangeOptions): Promise<RangeTest> {
  const { steps = RANGE_STEPS } = options;
  let held = options.held;
  let average = 0;
  const points: { learningRate: number; loss: number }[] = [];
  for (let step = 1; step <= steps; step++) {
    signal?.throwIfAborted();
    const learningRate = LOWEST * (HIGHEST / LOWEST) ** ((step - 1) / (steps - 1));
    const stepped = await run(held, batch, [learningRate], step);
    const [stepLoss = Number.NaN, norm] = [stepped.losses[0], stepped.norms[0]];
    if (!Number.isFinite(stepLoss) || !Number.isFinite(norm)) break;
    held = stepped.held;
    average = KEPT * average + (1 - KEPT) * stepLoss;
    const loss = average / (1 - KEPT ** step);
    points.push({ learningRate, loss });
    onStep?.(step);
    if (loss > DIVERGED * Math.min(...points.map((point) => point.loss))) break;
  }
  const best = points.reduce(
    (least, point) => (point.loss < least.loss ? point : least),
    points[0] ?? { learningRate: LOWEST, loss: 0 },
  );
  return { points, suggested: SHARE * best.learningRate };
}
