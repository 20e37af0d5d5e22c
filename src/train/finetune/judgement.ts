/**
 * How weights are judged on validation examples, and which are kept: by the log loss that the artifact would have, at a temperature that
 * the example judged had no say in. Nothing is chosen for having been the luckiest of many.
 */
import { mean } from "../../base/statistics.ts";
import type { Groups } from "../../data/split.ts";
import { crossFitted } from "../../evaluate/calibration.ts";
import { type Scores, scoreLogits } from "../../evaluate/log-loss.ts";
import { type Gain, isClear, pairedGain } from "../../evaluate/paired.ts";
import { predictionFolds } from "../folds.ts";

/** Scores of weights on validation examples. */
export interface Judgement extends Scores {
  /** `[N]`: the log loss of each example at a cross-fitted temperature. Empty where there are no examples to judge on. */
  readonly losses: readonly number[];
}

/** How weights were judged; with their logits where those are kept. */
export interface Judged extends Judgement {
  /** `[N, C]` logits of the validation examples. */
  readonly logits?: Float32Array | undefined;
}

/** Less than this is no probability: what one wrong answer may cost, ln(10⁷) nats. */
const LEAST = 1e-7;

/** Judges logits `[N, C]`; those of weights that diverged as wrong without end. */
export function judge(
  logits: Float32Array,
  { labels, groups }: { readonly labels: Int32Array; readonly groups?: Groups },
  classes: number,
  seed: number,
): Judgement {
  if (!logits.every(Number.isFinite))
    return { accuracy: 0, logLoss: -Math.log(LEAST), losses: Array.from(labels, () => -Math.log(LEAST)) };
  const probabilities = crossFitted(logits, labels, classes, predictionFolds(labels, groups, seed));
  const losses = Array.from(labels, (label, row) => -Math.log(Math.max(probabilities[row * classes + label]!, LEAST)));
  return { ...scoreLogits(logits, labels, classes), losses };
}

/** The mean of a judgement's losses; NaN where there are none, which is better than nothing. */
export const meanLoss = ({ losses }: Judgement): number => mean(losses);

/** What was kept, and why: the JSON's `choice`. */
export interface Choice {
  readonly by: "log-loss";
  /** Examples that both were judged on. */
  readonly examples: number;
  /** Trainings that they were judged in; 1 where they were held out of the one. */
  readonly folds: number;
  /** Mean log losses after calibration. */
  readonly probe: number;
  readonly fineTuned: number;
  /** How much less the fine-tuned network loses, and the standard error of that: see {@link pairedGain}. It is kept where the gain is the larger. */
  readonly gain: number;
  readonly standardError: number;
}

/** Whether a fine-tuned network is to be kept instead of the probe: by the one-standard-error rule in favour of the probe. */
export function choose(
  probe: Judgement,
  tuned: Judgement | undefined,
  folds = 1,
): { readonly isTuned: boolean; readonly choice: Choice | undefined } {
  if (!tuned || tuned.losses.length === 0) return { isTuned: false, choice: undefined };
  const gain: Gain = pairedGain(probe.losses, tuned.losses);
  return {
    isTuned: isClear(gain),
    choice: {
      by: "log-loss",
      examples: probe.losses.length,
      folds,
      probe: meanLoss(probe),
      fineTuned: meanLoss(tuned),
      gain: gain.mean,
      standardError: gain.error,
    },
  };
}

/** Whether earlier weights are to be kept instead of the last: by the same rule in favour of the last. */
export const isClearlyBetter = (earlier: Judgement, last: Judgement): boolean =>
  last.losses.length > 0 && isClear(pairedGain(last.losses, earlier.losses));
