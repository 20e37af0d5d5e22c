/**
 * The runs of a comparison: the type of a run, which is one training with its evaluation, and the schedule of further runs. Trains nothing.
 */

/** A head on frozen features; part of the network trained too; a small network from scratch. */
export const strategies = ["probe", "fine-tune", "scratch"] as const;
export type Strategy = (typeof strategies)[number];

/** One training and its results. */
export interface Run {
  readonly strategy: Strategy;
  /** Number of images that it learned from. */
  readonly pictures: number;
  /** The split: runs of one seed and size learned from and were evaluated on the same images. */
  readonly seed: number;
  /** Positions of the images that it was evaluated on. */
  readonly evaluated: readonly number[];
  /** The group of each of them; images of one group count once. Default: each image is its own group. */
  readonly groups?: readonly number[] | undefined;
  /** One entry per evaluation image, 1 if correct. */
  readonly correct: Uint8Array;
  /** Accuracy on the images it learned from. */
  readonly trainAccuracy: number;
  /** Seconds from decoded files to the trained network, with an empty cache. */
  readonly seconds: number;
  /** Its epochs, and whether doubling them brings no further gain; undefined for the probe, whose fit converges. */
  readonly training?: { readonly epochs: number; readonly flattened: boolean } | undefined;
}

/** Whether a run was trained to the end, so that it represents its strategy. */
export const isTrained = ({ training }: Pick<Run, "training">): boolean => training?.flattened ?? true;

/** The units of counting: groups, or the evaluation images if there are no groups. */
export const unitsOf = ({ evaluated, groups }: Pick<Run, "evaluated" | "groups">): readonly number[] =>
  groups ?? evaluated;

export const accuracyOf = ({ correct }: Pick<Run, "correct">): number =>
  correct.reduce((sum, one) => sum + one, 0) / correct.length;

// The schedule of the runs that follow the trainings on all images of the first split.

/** Runs of all strategies on a number of a split's images. */
export interface PlannedRun {
  readonly pictures: number;
  /** The split. */
  readonly seed: number;
}

/** The shares of the first split besides all images; of other splits all, which decides, and one more. */
const SHARES = [1 / 4, 1 / 2, 1 / 8] as const;
const REPEATED = [1, 1 / 4] as const;

/**
 * The runs, the most informative first: a second point of the curves, then other splits, then further points.
 *
 * @param pictures number of images available for learning
 * @param fewest minimum images of a run, so that each class has some
 * @param splits number of splits
 */
export function scheduleFor({
  pictures,
  fewest,
  splits,
}: {
  readonly pictures: number;
  readonly fewest: number;
  readonly splits: number;
}): readonly PlannedRun[] {
  const [early = 1, ...late] = SHARES;
  const runs = [
    { share: early, seed: 0 },
    ...Array.from({ length: splits - 1 }, (_, i) => REPEATED.map((share) => ({ share, seed: i + 1 }))).flat(),
    ...late.map((share) => ({ share, seed: 0 })),
  ].map(({ share, seed }) => ({ pictures: Math.round(share * pictures), seed }));
  const seen = new Set([`${pictures} 0`]);
  return runs.filter(({ pictures: size, seed }) => {
    const isNew = !seen.has(`${size} ${seed}`);
    seen.add(`${size} ${seed}`);
    return isNew && (size >= fewest || size === pictures);
  });
}
