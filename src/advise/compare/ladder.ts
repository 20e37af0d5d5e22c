/**
 * Trainings of one strategy on the same images, each twice as long as the one before: whether its curve has flattened, and what more
 * training could bring. A single training cannot tell that, because its loss always settles when its learning rate falls. Pure, but
 * for calling the training that it is given.
 */
import { isClear, pairedGain } from "../../evaluate/paired.ts";
import { isClearlyBetter, type Judgement } from "../../train/finetune/judgement.ts";
import { pairedDifference, Z95 } from "../statistics/paired.ts";
import { accuracyOf } from "./run.ts";

/** One training and how it did. */
export interface Rung {
  readonly epochs: number;
  readonly seconds: number;
  /** Whether it ended before its last epoch, so that its learning rate had not come down. */
  readonly isCut: boolean;
  /** Whether what training began with was kept: then these are its answers, and tell nothing of the training's own curve. */
  readonly isBeginning?: boolean | undefined;
  /** On images held out of its training images. */
  readonly validation: Judgement;
  /** Share of its training images that it gets right, without augmentation. */
  readonly trainAccuracy: number;
  /** One entry a judged image, 1 where right. */
  readonly correct: Uint8Array;
}

/** What is known of a strategy's training. */
export interface Outlook {
  /** Whether twice the training brought nothing more. */
  readonly flattened: boolean;
  /** The accuracy that {@link DOUBLINGS} more doublings could reach at most; 1 where that cannot be told yet. */
  readonly couldReach: number;
  /** What a training of twice the epochs would take. */
  readonly next: { readonly epochs: number; readonly seconds: number };
}

/** A strategy on its way up. */
export interface Ladder {
  readonly rungs: readonly Rung[];
  /** The training that counts: the longest, or a shorter one where that is clearly better. */
  kept(): Rung | undefined;
  outlook(): Outlook;
  /** Trains twice as long as before; aborted, `enough` ends it early with the best that it has by then. */
  climb(enough?: AbortSignal): Promise<void>;
}

/** What a ladder is made of. */
export interface Trainee {
  /** Epochs of the first training. */
  readonly first: number;
  /** Seconds that the first training may take; from then on it is measured. */
  readonly guess: number;
  train(epochs: number, enough?: AbortSignal): Promise<Rung>;
}

/** A strategy is ruled out only where even so many more doublings, each bringing as much as the last one, would not win. */
export const DOUBLINGS = 3;
/** Who is this far from the baseline to perfection on its own training images has started to learn; before that, nothing can be said. */
const LEARNED = 0.5;
/** A training error below this leaves nothing to learn from these images. */
const FITTED = 0.02;
/** A training error that falls by less than this share, or by less than a point, no longer falls. */
const LEAST_FALL = 0.1;
const LEAST_POINT = 0.01;
/** Epochs in which what training began with must have been kept before more training counts as bringing nothing. */
const FEWEST_WITHOUT_GAIN = 8;
/** Nats of validation loss: a smaller gain matters to no one, however sure it is. */
const LEAST_GAIN = 0.01;

/** @param baseline accuracy of always answering the most frequent class */
export function createLadder(trainee: Trainee, baseline: number): Ladder {
  const rungs: Rung[] = [];
  return {
    rungs,
    kept: () => keptOf(rungs),
    outlook: () => outlookOf(rungs, baseline, trainee),
    async climb(enough) {
      rungs.push(await trainee.train(outlookOf(rungs, baseline, trainee).next.epochs, enough));
    },
  };
}

/** The rung that counts: a later one, unless an earlier one is clearly better; one that was cut only where it is itself clearly better. */
export function keptOf(rungs: readonly Rung[]): Rung | undefined {
  return rungs.reduce<Rung | undefined>((kept, rung) => {
    if (!kept) return rung;
    const isTaken = rung.isCut
      ? isClearlyBetter(rung.validation, kept.validation)
      : !isClearlyBetter(kept.validation, rung.validation);
    return isTaken ? rung : kept;
  }, undefined);
}

/** What rungs say of training longer. */
export function outlookOf(
  rungs: readonly Rung[],
  baseline: number,
  { first, guess }: Pick<Trainee, "first" | "guess">,
): Outlook {
  const whole = rungs.filter(({ isCut }) => !isCut);
  const [last, before] = [whole.at(-1), whole.at(-2)];
  const longest = rungs.at(-1);
  const next = longest
    ? longest.isCut
      ? { epochs: last ? 2 * last.epochs : first, seconds: Math.max(2 * (last?.seconds ?? 0), 2 * longest.seconds) }
      : { epochs: 2 * longest.epochs, seconds: 2 * longest.seconds }
    : { epochs: first, seconds: guess };
  const flattened = last !== undefined && before !== undefined && isFlat(before, last, baseline);
  const kept = keptOf(rungs);
  const reached = kept ? accuracyOf(kept) : 0;
  if (flattened) return { flattened, couldReach: reached, next };
  if (!last || !before || last.isBeginning || !hasLearned(last, baseline)) return { flattened, couldReach: 1, next };
  const { mean, interval } = pairedDifference(last.correct, before.correct);
  const error = (interval[1] - interval[0]) / 2 / Z95;
  const pace = Math.max(0, mean) + error;
  return { flattened, couldReach: Math.min(1, reached + DOUBLINGS * pace), next };
}

const hasLearned = ({ trainAccuracy }: Rung, baseline: number): boolean =>
  trainAccuracy >= baseline + LEARNED * (1 - baseline);

/** Whether twice the training changed nothing that matters, neither on the validation images nor on those learned from. */
function isFlat(before: Rung, last: Rung, baseline: number): boolean {
  if (!hasLearned(last, baseline)) return false;
  if (last.isBeginning && last.epochs < FEWEST_WITHOUT_GAIN) return false;
  if (last.validation.losses.length > 0) {
    const gain = pairedGain(before.validation.losses, last.validation.losses);
    if (isClear(gain) && gain.mean > LEAST_GAIN) return false;
  }
  const [was, is] = [1 - before.trainAccuracy, 1 - last.trainAccuracy];
  return is <= FITTED || was - is < Math.max(LEAST_POINT, LEAST_FALL * was);
}
