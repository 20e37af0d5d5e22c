/**
 * Fine-tunes the last stages of a network, starting from the head of a linear probe (LP-FT: Kumar et al., arXiv 2202.10054), and keeps the
 * fine-tuned network only if it is clearly better than the probe. The training itself is in train-stages.ts.
 */

import { secondsSince } from "../../base/progress.ts";
import type { Head } from "../../model/artifact-graph.ts";
import type { Network } from "../../networks/network.ts";
import type { Environment } from "../environment.ts";
import type { FinetuneFacts, FinetuneInput, FinetuneOptions } from "./finetune-contract.ts";
import { whyText } from "./step-engine.ts";
import { type StageTraining, trainStages } from "./train-stages.ts";
import { type Choice, choose, type ValidationScores } from "./validation.ts";

export type { FinetuneFacts, FinetuneInput, FinetuneOptions, Labelled, TrainingSplit } from "./finetune-contract.ts";

export interface Finetuned {
  /** The fine-tuned network and head; undefined if fine-tuning did not beat the linear probe. */
  readonly tuned:
    | {
        readonly network: Network;
        readonly head: Head;
        /** `[N, C]`: logits of the validation examples, then of those that further trainings held out. */
        readonly validationLogits: Float32Array;
        readonly testLogits: Float32Array;
      }
    | undefined;
  /** The names of the parameters that were trained. */
  readonly trained: ReadonlySet<string>;
  readonly facts: FinetuneFacts;
  readonly seconds: number;
  /** Images per second in the training loop; 0 if no step was left to do. */
  readonly stepRate: number;
}

/**
 * Fine-tunes a network and compares it with its linear probe on held-out examples.
 *
 * @throws GraftError (`usage`) if there is no such stage, or the checkpoint is of another training; (`data`) if the memory or storage budget
 *   does not suffice; the signal's reason if it was aborted, after the checkpoint has been written
 */
export async function finetune(
  input: FinetuneInput,
  options: FinetuneOptions,
  environment: Environment,
): Promise<Finetuned> {
  const began = performance.now();
  const training = await trainStages(input, options, environment);
  const { probe } = training.outcome.state;
  const { isTuned, choice } = choose(probe, training.tuned?.scores, 1 + (input.further?.length ?? 0));
  input.onNote?.(whyText(isTuned, choice));
  return {
    tuned: isTuned ? training.tuned : undefined,
    trained: training.trained,
    facts: factsOf(training, probe, isTuned, choice),
    seconds: secondsSince(began),
    stepRate: stepRateOf(training),
  };
}

/** Images per second in the training loop; 0 if no step was left to do. */
export const stepRateOf = ({ outcome: { steps, stepSeconds }, recipe }: StageTraining): number =>
  stepSeconds > 0 ? (steps * recipe.batch) / stepSeconds : 0;

/** The report of a fine-tuning. */
export function factsOf(
  { outcome, recipe, rangeTest, stages, weights, storage, stored, tuned }: StageTraining,
  { accuracy, logLoss }: ValidationScores,
  isTuned: boolean,
  choice: Choice | undefined,
): FinetuneFacts {
  const { history } = outcome.state;
  return {
    stages,
    weights,
    boundary: storage.boundary.called,
    views: stored.views,
    storage: { type: storage.boundary.stored, bytes: storage.bytes },
    epochs: history.length,
    bestEpoch: isTuned && tuned ? tuned.epoch : 0,
    kept: isTuned ? "fine-tuned" : "linear-probe",
    why: whyText(isTuned, choice),
    choice,
    stop: outcome.stop,
    history,
    probe: { accuracy, logLoss },
    recipe,
    rangeTest,
    front: { computed: stored.computed, rate: stored.seconds > 0 ? stored.computed / stored.seconds : 0 },
  };
}
