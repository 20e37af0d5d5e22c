/** What the comparison of roads is made of: one training, on so many pictures, judged on others. */

/** A head on frozen features; some of the network trained too; a small network from nothing. */
export const roads = ["probe", "fine-tune", "scratch"] as const;
export type Road = (typeof roads)[number];

/** One training and how it fared. */
export interface Run {
  readonly road: Road;
  /** Pictures that it learned from. */
  readonly pictures: number;
  /** Which way the pictures were dealt: runs of one seed and size learned from and were judged on the same. */
  readonly seed: number;
  /** Places of the pictures that it was judged on. */
  readonly judged: readonly number[];
  /** The group of each of them; pictures of one group count once. Default: each stands alone. */
  readonly groups?: readonly number[] | undefined;
  /** One entry a judged picture, 1 where right. */
  readonly correct: Uint8Array;
  /** Share of the pictures it learned from that it names rightly. */
  readonly trainAccuracy: number;
  /** From decoded files to the trained network, had nothing been in a cache. */
  readonly seconds: number;
  /** How long it was trained, and whether twice as long brings nothing more; nothing for the probe, whose fit has one end. */
  readonly training?: { readonly epochs: number; readonly flattened: boolean } | undefined;
}

/** Whether a run shows what its strategy can do with these images. */
export const isTrained = ({ training }: Pick<Run, "training">): boolean => training?.flattened ?? true;

/** The units that answers are counted in: groups, or the judged pictures where each stands alone. */
export const unitsOf = ({ judged, groups }: Pick<Run, "judged" | "groups">): readonly number[] => groups ?? judged;

export const accuracyOf = ({ correct }: Pick<Run, "correct">): number =>
  correct.reduce((sum, one) => sum + one, 0) / correct.length;
