/** A run of a comparison: one training on some images, evaluated on others. */

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
