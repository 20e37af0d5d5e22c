/** The input and output of a strategy; the strategies are the files beside this one. */
import type { OnProgress } from "../../../base/progress.ts";
import type { Trainee } from "../ladder.ts";

/** Images to learn from and to be evaluated on, by their positions. */
export interface Task {
  readonly learn: readonly number[];
  readonly evaluated: readonly number[];
  readonly seed: number;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface StrategyResult {
  /** One entry per evaluation image, 1 if correct. */
  readonly correct: Uint8Array;
  readonly trainAccuracy: number;
  /** Seconds with an empty cache. */
  readonly seconds: number;
}

/** Prepares a strategy that trains a network for one task: work that its trainings, short and long, share is done once. */
export type Prepare = (task: Task) => Promise<Trainee>;
