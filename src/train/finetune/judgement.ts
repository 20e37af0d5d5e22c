/** Folds of examples that took no part in a training, for what is fitted on the predictions for them and judged on the same. */

import { concatenate, mean } from "../../base/collections.ts";
import { dataError } from "../../base/errors.ts";
import { type Random, randomFor } from "../../base/random.ts";
import { type Groups, stratifiedFolds, stratifiedSplit, VALIDATION_SHARE } from "../../data/dataset/split.ts";
import { crossFitted } from "../../metrics/calibrate.ts";
import { type Gain, isClear, pairedGain } from "../../metrics/intervals.ts";
import { type Scores, scoreLogits } from "../../metrics/logits.ts";

const FOLDS = 5;

/** `[N]`: the fold of each example. */
export const predictionFolds = (labels: Int32Array, groups: Groups, seed: number): Int32Array =>
  stratifiedFolds(labels, Math.max(1, Math.min(FOLDS, labels.length)), randomFor(seed, "answer folds"), groups);

// Which examples fine-tuning is judged on: a part held out of training; where that is small, further parts too, each held out of a
// training of its own, so that neither the choice of what is kept nor the number of epochs hangs on a handful of images.

/** So many examples judge well enough: of 100 that are half right, an accuracy is within 10 points. */
const ENOUGH = 100;
/** Trainings, at most: together they hold nine of ten examples out. */
const MOST = 6;

/** Positions of the examples that one training has, and of those that are held out of it. */
export interface HeldOut {
  readonly kept: readonly number[];
  readonly held: readonly number[];
}

/**
 * Holds {@link VALIDATION_SHARE} of the examples out, and as many again for further trainings until about {@link ENOUGH} are held out of
 * one of them: from 67 on, the first part is enough. No example is held out twice. The first is the training whose network may be kept.
 *
 * @param further chance for the further parts, so that the first is the same without them
 * @param atMost trainings; default as many as it takes
 * @throws GraftError (`data`) where every class is too small to hold an example out
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

/** Says that there are further trainings, and why. */
export const furtherText = (
  size: number,
  further: readonly { readonly validation: { readonly labels: Int32Array } }[],
): string =>
  `Only ${size} images can be held out of training, too few to judge it: ${further.length} further ${further.length === 1 ? "training, which holds" : "trainings, which hold"} out ${further.reduce((sum, { validation }) => sum + validation.labels.length, 0)} others, ${further.length === 1 ? "judges" : "judge"} it too.`;

// How weights are judged on validation examples, and which are kept: by the log loss that the artifact would have, at a temperature that
// the example judged had no say in. Nothing is chosen for having been the luckiest of many.

/** Scores of weights on validation examples. */
export interface Judgement extends Scores {
  /** `[N]`: the log loss of each example at a cross-fitted temperature. Empty where there are no examples to judge on. */
  readonly losses: readonly number[];
}

/** How weights were judged; with their logits where those are kept. */
export interface Judged extends Judgement {
  /** `[N, C]` logits of the validation examples. */
  readonly logits?: Float32Array | undefined;
}

/** Less than this is no probability: what one wrong answer may cost, ln(10⁷) nats. */
const LEAST = 1e-7;

/** Judges logits `[N, C]`; those of weights that diverged as wrong without end. */
export function judge(
  logits: Float32Array,
  { labels, groups }: { readonly labels: Int32Array; readonly groups?: Groups },
  classes: number,
  seed: number,
): Judgement {
  if (!logits.every(Number.isFinite))
    return { accuracy: 0, logLoss: -Math.log(LEAST), losses: Array.from(labels, () => -Math.log(LEAST)) };
  const probabilities = crossFitted(logits, labels, classes, predictionFolds(labels, groups, seed));
  const losses = Array.from(labels, (label, row) => -Math.log(Math.max(probabilities[row * classes + label]!, LEAST)));
  return { ...scoreLogits(logits, labels, classes), losses };
}

/** The mean of a judgement's losses; NaN where there are none, which is better than nothing. */
export const meanLoss = ({ losses }: Judgement): number => mean(losses);

/** What was kept, and why: the JSON's `choice`. */
export interface Choice {
  readonly by: "log-loss";
  /** Examples that both were judged on. */
  readonly examples: number;
  /** Trainings that they were judged in; 1 where they were held out of the one. */
  readonly folds: number;
  /** Mean log losses after calibration. */
  readonly probe: number;
  readonly fineTuned: number;
  /** How much less the fine-tuned network loses, and the standard error of that: see {@link pairedGain}. It is kept where the gain is the larger. */
  readonly gain: number;
  readonly standardError: number;
}

/** Whether a fine-tuned network is to be kept instead of the probe: by the one-standard-error rule in favour of the probe. */
export function choose(
  probe: Judgement,
  tuned: Judgement | undefined,
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

/** Whether earlier weights are to be kept instead of the last: by the same rule in favour of the last. */
export const isClearlyBetter = (earlier: Judgement, last: Judgement): boolean =>
  last.losses.length > 0 && isClear(pairedGain(last.losses, earlier.losses));

// Validation examples of several trainings as one, with the logits of each training's own network.

/** Logits `[N, C]` of one training's validation examples by epoch, from those before the first on. */
export type LogitsByEpoch = readonly Float32Array[];

/** Logits of one training's network, and after them those that the networks of other trainings had at the same epoch. */
export function joinedLogits(own: Float32Array, others: readonly LogitsByEpoch[], epoch: number): Float32Array {
  // A training that failed keeps what it had until then.
  return concatenate([own, ...others.map((logits) => logits[Math.min(epoch, logits.length - 1)]!)]);
}

interface Examples {
  readonly labels: Int32Array;
  readonly groups?: Groups | undefined;
}

/** Examples one after the other; groups only where all have them. */
export function joinedExamples(parts: readonly Examples[]): Examples {
  const labels = Int32Array.from(parts.flatMap((part) => [...part.labels]));
  const groups = parts.flatMap((part) => Array.from(part.groups ?? []));
  return groups.length === labels.length ? { labels, groups } : { labels };
}

/**
 * Judges one training's logits by epoch: with those that other trainings, which are done, had at the same epoch; or, where a training
 * only judges another, by its own, which are kept.
 *
 * @param parts validation examples of this training, then of the others
 */
export function judgeTogether(
  parts: readonly Examples[],
  {
    done,
    onlyJudges,
    classes,
    seed,
  }: {
    readonly done: readonly LogitsByEpoch[];
    readonly onlyJudges: boolean;
    readonly classes: number;
    readonly seed: number;
  },
): (own: Float32Array, epoch: number) => Judged {
  const examples = joinedExamples(parts);
  return (own, epoch) =>
    onlyJudges
      ? { ...judge(own, examples, classes, seed), logits: own }
      : judge(joinedLogits(own, done, epoch), examples, classes, seed);
}

/** What the progress of one of several trainings is called; nothing where there is only one. */
export const trainingTitle = (at: number, further: number): string | undefined =>
  further === 0 ? undefined : `Fine-tuning (training ${at + 1} of ${further + 1})`;
