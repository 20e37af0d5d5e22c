/** Folds of examples that took no part in a training, for what is fitted on the predictions for them and judged on the same. */
import { randomFor } from "../base/random.ts";
import { type Groups, stratifiedFolds } from "../data/split.ts";

const FOLDS = 5;

/** `[N]`: the fold of each example. */
export const predictionFolds = (labels: Int32Array, groups: Groups, seed: number): Int32Array =>
  stratifiedFolds(labels, Math.max(1, Math.min(FOLDS, labels.length)), randomFor(seed, "answer folds"), groups);
