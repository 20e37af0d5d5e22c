/** What a strategy is given and what it answers; the strategies are beside this file. */
import type { OnProgress } from "../../../base/progress.ts";
import type { Trainee } from "../ladder.ts";

/** Pictures to learn from and to be judged on, by their places among all. */
export interface Task {
  readonly learn: readonly number[];
  readonly judged: readonly number[];
  readonly seed: number;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Answered {
  /** One entry a judged image, 1 where right. */
  readonly correct: Uint8Array;
  readonly trainAccuracy: number;
  /** Had nothing been in a cache. */
  readonly seconds: number;
}

/** A strategy that trains a network, on one task: what its trainings, short and long, have in common is prepared. */
export type Prepare = (task: Task) => Promise<Trainee>;
