/**
 * Validation of fine-tuning: which examples are held out, how weights are scored on them, and whether the fine-tuned network or the linear probe
 * is kept. Runs no network.
 */

import { concatenate, mean } from "../../base/collections.ts";
import { dataError } from "../../base/errors.ts";
import { type Random, randomFor } from "../../base/random.ts";
import { type Groups, stratifiedFolds, stratifiedSplit, VALIDATION_SHARE } from "../../data/dataset/split.ts";
import { crossFitted } from "../../metrics/calibrate.ts";
import { type Gain, isClear, pairedGain } from "../../metrics/intervals.ts";
import { type Scores, scoreLogits } from "../../metrics/logits.ts";

const FOLDS = 5;

/** `[N]`: the fold of each held-out example, for fits on its predictions that are evaluated on the same examples. */
export const predictionFolds = (labels: Int32Array, groups: Groups, seed: number): Int32Array =>
  stratifiedFolds(labels, Math.max(1, Math.min(FOLDS, labels.length)), randomFor(seed, "answer folds"), groups);

// Held-out examples: one part of the training examples; if that is small, further parts, each held out of its own training, so that neither the
// choice nor the number of epochs depends on a handful of images.

/** Enough validation examples: with 100, an accuracy of 50% is known to within 10 points. */
const ENOUGH = 100;
/** Maximum number of trainings: together they hold out nine of ten examples. */
const MOST = 6;

/** Positions of the examples that one training uses, and of those held out of it. */
export interface HeldOut {
  readonly kept: readonly number[];
  readonly held: readonly number[];
}

/**
 * Holds out {@link VALIDATION_SHARE} of the examples, and as many again for each further training until about {@link ENOUGH} are held out in
 * total; 67 in the first part are enough. No example is held out twice. Only the first training's network may be kept.
 *
 * @param further the random generator of the further parts, so that the first part is the same without them
 * @param atMost maximum number of trainings
 * @throws GraftError (`data`) if every class is too small to hold out an example
 */
export function heldOutParts(
  labels: Int32Array,
  groups: Groups,
  random: Random,
  further: Random,
  atMost = MOST,
): HeldOut[] {
  const first = stratifiedSplit(labels, VALIDATION_SHARE, random, groups);
  const size = first.held.length;
  if (size === 0)
    throw dataError(
      "Fine-tuning needs images to validate on, and no class has three: add images, or train the head alone (--unfreeze none).",
    );
  const parts: HeldOut[] = [first];
  let left: readonly number[] = first.kept;
  while (parts.length < Math.min(Math.round(ENOUGH / size), atMost)) {
    const split = stratifiedSplit(
      left.map((row) => labels[row]!),
      Math.min(0.5, size / left.length),
      further,
      groups && left.map((row) => groups[row]!),
    );
    if (split.held.length === 0) break;
    const held = new Set(split.held.map((at) => left[at]!));
    parts.push({ kept: [...labels.keys()].filter((row) => !held.has(row)), held: [...held] });
    left = split.kept.map((at) => left[at]!);
  }
  return parts;
}

/** Announces further trainings, and why they are needed. */
export const furtherText = (
  size: number,
  further: readonly { readonly validation: { readonly labels: Int32Array } }[],
): string =>
  `Only ${size} images can be held out of training, too few to validate it: ${further.length} further ${further.length === 1 ? "training, which holds" : "trainings, which hold"} out ${further.reduce((sum, { validation }) => sum + validation.labels.length, 0)} others, ${further.length === 1 ? "validates" : "validate"} it too.`;

// Scores and choices: by the log loss of the artifact, at a temperature fitted on other examples. An alternative must be better by more than
// chance, so that the luckiest of many is not chosen.

/** Scores of weights on validation examples. */
export interface ValidationScores extends Scores {
  /** `[N]`: the log loss of each example at a cross-fitted temperature. Empty without validation examples. */
  readonly losses: readonly number[];
}

/** Validation scores, with the logits if those are kept. */
export interface ValidationPredictions extends ValidationScores {
  /** `[N, C]` logits of the validation examples. */
  readonly logits?: Float32Array | undefined;
}

/** The lower bound of a probability: one wrong prediction costs at most ln(10⁷) nats. */
const LEAST = 1e-7;

/** Scores logits `[N, C]`; the logits of diverged weights get the maximum loss. */
export function scoreValidation(
  logits: Float32Array,
  { labels, groups }: { readonly labels: Int32Array; readonly groups?: Groups },
  classes: number,
  seed: number,
): ValidationScores {
  if (!logits.every(Number.isFinite))
    return { accuracy: 0, logLoss: -Math.log(LEAST), losses: Array.from(labels, () => -Math.log(LEAST)) };
  const probabilities = crossFitted(logits, labels, classes, predictionFolds(labels, groups, seed));
  const losses = Array.from(labels, (label, row) => -Math.log(Math.max(probabilities[row * classes + label]!, LEAST)));
  return { ...scoreLogits(logits, labels, classes), losses };
}

/** The mean of the losses; NaN if there are none, which compares as not better. */
export const meanLoss = ({ losses }: ValidationScores): number => mean(losses);

/** The figures behind what was kept: the JSON's `choice`. */
export interface Choice {
  readonly by: "log-loss";
  /** The validation examples of both. */
  readonly examples: number;
  /** The number of trainings that held them out. */
  readonly folds: number;
  /** Mean log losses after calibration. */
  readonly probe: number;
  readonly fineTuned: number;
  /** How much lower the fine-tuned network's loss is, with its standard error: see {@link pairedGain}. It is kept if the gain is larger. */
  readonly gain: number;
  readonly standardError: number;
}

/** Whether to keep the fine-tuned network instead of the probe: by the one-standard-error rule in favour of the probe. */
export function choose(
  probe: ValidationScores,
  tuned: ValidationScores | undefined,
  folds = 1,
): { readonly isTuned: boolean; readonly choice: Choice | undefined } {
  if (!tuned || tuned.losses.length === 0) return { isTuned: false, choice: undefined };
  const gain: Gain = pairedGain(probe.losses, tuned.losses);
  return {
    isTuned: isClear(gain),
    choice: {
      by: "log-loss",
      examples: probe.losses.length,
      folds,
      probe: meanLoss(probe),
      fineTuned: meanLoss(tuned),
      gain: gain.mean,
      standardError: gain.error,
    },
  };
}

/** Whether to keep earlier weights instead of the last: by the same rule in favour of the last. */
export const isClearlyBetter = (earlier: ValidationScores, last: ValidationScores): boolean =>
  last.losses.length > 0 && isClear(pairedGain(last.losses, earlier.losses));

// Validation examples of several trainings joined, with the logits of each training's own network.

/** Logits `[N, C]` of one training's validation examples: before the first epoch, then after each epoch. */
export type LogitsByEpoch = readonly Float32Array[];

/** Logits of one training's network, followed by those of the other trainings' networks at the same epoch. */
export function joinedLogits(own: Float32Array, others: readonly LogitsByEpoch[], epoch: number): Float32Array {
  // A training that ended early keeps its last logits.
  return concatenate([own, ...others.map((logits) => logits[Math.min(epoch, logits.length - 1)]!)]);
}

interface Examples {
  readonly labels: Int32Array;
  readonly groups?: Groups | undefined;
}

/** Concatenates examples; with groups only if all parts have them. */
export function joinedExamples(parts: readonly Examples[]): Examples {
  const labels = Int32Array.from(parts.flatMap((part) => [...part.labels]));
  const groups = parts.flatMap((part) => Array.from(part.groups ?? []));
  return groups.length === labels.length ? { labels, groups } : { labels };
}

/**
 * Scores one training's logits by epoch: joined with those of the finished trainings at the same epoch; or alone, and kept, if the training is
 * for validation only.
 *
 * @param parts validation examples of this training, then of the others
 */
export function jointScorer(
  parts: readonly Examples[],
  {
    done,
    validatesOnly,
    classes,
    seed,
  }: {
    readonly done: readonly LogitsByEpoch[];
    readonly validatesOnly: boolean;
    readonly classes: number;
    readonly seed: number;
  },
): (own: Float32Array, epoch: number) => ValidationPredictions {
  const examples = joinedExamples(parts);
  return (own, epoch) =>
    validatesOnly
      ? { ...scoreValidation(own, examples, classes, seed), logits: own }
      : scoreValidation(joinedLogits(own, done, epoch), examples, classes, seed);
}

/** The progress title of one of several trainings; undefined if there is only one. */
export const trainingTitle = (at: number, further: number): string | undefined =>
  further === 0 ? undefined : `Fine-tuning (training ${at + 1} of ${further + 1})`;
