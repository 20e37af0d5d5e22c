/** Validation examples of several trainings as one, with the answers of each training's own network. */
import type { Groups } from "../../data/split.ts";

/** Logits `[N, C]` of one training's validation examples by epoch, from those before the first on. */
export type AnswersByEpoch = readonly Float32Array[];

/** Answers of one training's network, and after them those that the networks of other trainings had at the same epoch. */
export function joinedAnswers(own: Float32Array, others: readonly AnswersByEpoch[], epoch: number): Float32Array {
  // A training that failed keeps what it had until then.
  const all = [own, ...others.map((answers) => answers[Math.min(epoch, answers.length - 1)]!)];
  const joined = new Float32Array(all.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const one of all) {
    joined.set(one, at);
    at += one.length;
  }
  return joined;
}

interface Examples {
  readonly labels: Int32Array;
  readonly groups?: Groups;
}

/** Examples one after the other; groups only where all have them. */
export function joinedExamples(parts: readonly Examples[]): Examples {
  const labels = Int32Array.from(parts.flatMap((part) => [...part.labels]));
  const groups = parts.flatMap((part) => Array.from(part.groups ?? []));
  return groups.length === labels.length ? { labels, groups } : { labels };
}
