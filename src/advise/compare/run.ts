/** What the comparison of strategies is made of: one training, on so many images, judged on others. */

/** A head on frozen features; some of the network trained too; a small network from nothing. */
export const strategies = ["probe", "fine-tune", "scratch"] as const;
export type Strategy = (typeof strategies)[number];

/** One training and how it fared. */
export interface Run {
  readonly road: Strategy;
  /** Pictures that it learned from. */
  readonly pictures: number;
  /** Which way the images were split: runs of one seed and size learned from and were judged on the same. */
  readonly seed: number;
  /** Places of the images that it was judged on. */
  readonly judged: readonly number[];
  /** The group of each of them; images of one group count once. Default: each stands alone. */
  readonly groups?: readonly number[] | undefined;
  /** One entry a judged image, 1 where right. */
  readonly correct: Uint8Array;
  /** Share of the images it learned from that it gets right. */
  readonly trainAccuracy: number;
  /** From decoded files to the trained network, had nothing been in a cache. */
  readonly seconds: number;
  /** How long it was trained, and whether twice as long brings nothing more; nothing for the probe, whose fit has one end. */
  readonly training?: { readonly epochs: number; readonly flattened: boolean } | undefined;
}

/** Whether a run shows what its strategy can do with these images. */
export const isTrained = ({ training }: Pick<Run, "training">): boolean => training?.flattened ?? true;

/** The units that answers are counted in: groups, or the judged images where each stands alone. */
export const unitsOf = ({ judged, groups }: Pick<Run, "judged" | "groups">): readonly number[] => groups ?? judged;

export const accuracyOf = ({ correct }: Pick<Run, "correct">): number =>
  correct.reduce((sum, one) => sum + one, 0) / correct.length;
