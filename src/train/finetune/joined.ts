/** Validation examples of several trainings as one, with the logits of each training's own network. */
import { concatenate } from "../../base/concatenate.ts";
import type { Groups } from "../../data/split.ts";
import { type Judged, judge } from "./judgement.ts";

/** Logits `[N, C]` of one training's validation examples by epoch, from those before the first on. */
export type LogitsByEpoch = readonly Float32Array[];

/** Logits of one training's network, and after them those that the networks of other trainings had at the same epoch. */
export function joinedLogits(own: Float32Array, others: readonly LogitsByEpoch[], epoch: number): Float32Array {
  // A training that failed keeps what it had until then.
  return concatenate([own, ...others.map((logits) => logits[Math.min(epoch, logits.length - 1)]!)]);
}

interface Examples {
  readonly labels: Int32Array;
  readonly groups?: Groups | undefined;
}

/** Examples one after the other; groups only where all have them. */
export function joinedExamples(parts: readonly Examples[]): Examples {
  const labels = Int32Array.from(parts.flatMap((part) => [...part.labels]));
  const groups = parts.flatMap((part) => Array.from(part.groups ?? []));
  return groups.length === labels.length ? { labels, groups } : { labels };
}

/**
 * Judges one training's logits by epoch: with those that other trainings, which are done, had at the same epoch; or, where a training
 * only judges another, by its own, which are kept.
 *
 * @param parts validation examples of this training, then of the others
 */
export function judgeTogether(
  parts: readonly Examples[],
  {
    done,
    onlyJudges,
    classes,
    seed,
  }: {
    readonly done: readonly LogitsByEpoch[];
    readonly onlyJudges: boolean;
    readonly classes: number;
    readonly seed: number;
  },
): (own: Float32Array, epoch: number) => Judged {
  const examples = joinedExamples(parts);
  return (own, epoch) =>
    onlyJudges
      ? { ...judge(own, examples, classes, seed), logits: own }
      : judge(joinedLogits(own, done, epoch), examples, classes, seed);
}

/** What the progress of one of several trainings is called; nothing where there is only one. */
export const trainingTitle = (at: number, further: number): string | undefined =>
  further === 0 ? undefined : `Fine-tuning (training ${at + 1} of ${further + 1})`;
