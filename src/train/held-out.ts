/**
 * Which examples fine-tuning is judged on: a part held out of training; where that is small, further parts too, each held out of a
 * training of its own, so that neither the choice of what is kept nor the number of epochs hangs on a handful of images.
 */
import { dataError } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import { type Groups, stratifiedSplit, VALIDATION_SHARE } from "../data/split.ts";

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
