/** How much a training tries before it settles on features: a row for each effort. What is tried is chosen by cross-validation. */

/** What an effort tries beside the network's own cut. */
interface EffortRow {
  /** Cuts that the pass over the images computes anyway, or all that the network has. */
  readonly cuts: "on-the-way" | "all";
  /** Whether features may be averaged over each image and its mirror image, which takes twice the time to predict. */
  readonly mirrors: boolean;
}

export type Effort = "quick" | "better";

export const efforts: Readonly<Record<Effort, EffortRow>> = {
  quick: { cuts: "on-the-way", mirrors: false },
  better: { cuts: "all", mirrors: true },
};

export const DEFAULT_EFFORT: Effort = "quick";
