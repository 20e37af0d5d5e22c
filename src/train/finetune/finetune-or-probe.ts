/**
 * One fine-tuning from end to end, head first (LP-FT: Kumar et al., arXiv 2202.10054): a linear probe's head is given, the last stages
 * are trained with it, and the better of the tuned network and the probe comes out. Each step has a file of its own beside this one.
 */

import { secondsSince } from "../../base/progress.ts";
import type { Head } from "../../model/artifact-graph.ts";
import type { Network } from "../../networks/network.ts";
import type { Environment } from "../environment.ts";
import { whyText } from "./engine.ts";
import type { FinetuneFacts, FinetuneInput, FinetuneOptions } from "./finetune-contract.ts";
import { type Choice, choose, type Judgement } from "./judgement.ts";
import { type StageTraining, trainStages } from "./train-stages.ts";

export type { Apart, FinetuneFacts, FinetuneInput, FinetuneOptions, Labelled } from "./finetune-contract.ts";

export interface Finetuned {
  /** The network with its tuned weights, and the tuned head; nothing where fine-tuning did not beat the linear probe. */
  readonly tuned:
    | {
        readonly network: Network;
        readonly head: Head;
        /** `[N, C]`: of the validation examples, and of those that further trainings held out */
        readonly validationLogits: Float32Array;
        readonly testLogits: Float32Array;
      }
    | undefined;
  /** The network's parameters that were trained. */
  readonly trained: ReadonlySet<string>;
  readonly facts: FinetuneFacts;
  readonly seconds: number;
  /** Images a second inside the loop; 0 where nothing was left to do. */
  readonly stepRate: number;
}

/**
 * Fine-tunes a network, judging it on examples that were held out.
 *
 * @throws GraftError (`usage`) where there is no such stage, or the checkpoint is another training's; (`data`) where the memory
 *   or storage budget does not suffice; the signal's reason where it was aborted, after the checkpoint was written
 */
export async function finetune(
  input: FinetuneInput,
  options: FinetuneOptions,
  environment: Environment,
): Promise<Finetuned> {
  const began = performance.now();
  const training = await trainStages(input, options, environment);
  const { probe } = training.outcome.state;
  const { isTuned, choice } = choose(probe, training.tuned?.judgement, 1 + (input.further?.length ?? 0));
  input.onNote?.(whyText(isTuned, choice));
  return {
    tuned: isTuned ? training.tuned : undefined,
    trained: training.trained,
    facts: factsOf(training, probe, isTuned, choice),
    seconds: secondsSince(began),
    stepRate: stepRateOf(training),
  };
}

/** Images a second inside the loop; 0 where nothing was left to do. */
export const stepRateOf = ({ outcome: { steps, stepSeconds }, recipe }: StageTraining): number =>
  stepSeconds > 0 ? (steps * recipe.batch) / stepSeconds : 0;

/** What a training reports. */
export function factsOf(
  { outcome, recipe, rangeTest, stages, storage, stored, tuned }: StageTraining,
  { accuracy, logLoss }: Judgement,
  isTuned: boolean,
  choice: Choice | undefined,
): FinetuneFacts {
  const { history } = outcome.state;
  return {
    stages,
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
