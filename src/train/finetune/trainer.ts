/**
 * The training loop: batches in, weights and optimiser state round and round through one session, an evaluation after each
 * epoch, the best weights kept. Knows nothing of pictures, files or networks: those come as functions.
 */
import { cosineRate } from "../../autodiff/optimisers/schedule.ts";
import type { StepGraph } from "../../autodiff/step.ts";
import { createMeter, type Meter, type OnProgress } from "../../base/progress.ts";
import type { RuntimeTensor } from "../../runtime/session.ts";
import type { Scores } from "./answers.ts";
import { answering, freshlyHeld, type StepRunner, type Weights } from "./step-runner.ts";

/** How one epoch went. */
export interface EpochRecord {
  readonly epoch: number;
  /** Mean over the epoch's steps; smoothed labels and mixed examples count. */
  readonly loss: number;
  readonly validationAccuracy: number;
  readonly validationLogLoss: number;
  /** Of the epoch's last step. */
  readonly learningRate: number;
}

/** The weights that did best on the validation pictures; epoch 0 is before training. */
export interface Best extends Scores {
  readonly epoch: number;
  readonly weights: Weights;
}

/** Why training ended before its last epoch. */
export type Stop =
  | { readonly kind: "patience"; readonly epoch: number }
  | {
      readonly kind: "not-finite" | "exploded";
      readonly epoch: number;
      readonly learningRate: number;
      readonly loss: number;
    };

/** All that a training is at one moment; what a checkpoint holds. */
export interface TrainingState {
  /** Steps done. */
  readonly step: number;
  /** Weights and optimiser state by the step graph's input names. */
  readonly held: Weights;
  /** Of the epoch under way: the sum of its steps' losses, and how many. */
  readonly lossSum: number;
  readonly lossSteps: number;
  /** The loss of the first step. */
  readonly firstLoss: number | undefined;
  readonly history: readonly EpochRecord[];
  /** How the linear probe, which training begins with, answered. */
  readonly probe: Scores;
  readonly best: Best;
}

export interface TrainerOptions {
  readonly step: StepGraph;
  readonly run: StepRunner;
  /** Feeds of a step: what the network reads and the labels. */
  readonly feeds: (step: number) => Readonly<Record<string, RuntimeTensor>>;
  /** Examples a step. */
  readonly batch: number;
  readonly epochs: number;
  /** Steps until the end of an epoch. */
  readonly stepsUntil: (epoch: number) => number;
  readonly learningRate: number;
  /** Share of all steps. */
  readonly warmUp: number;
  readonly patience: number;
  readonly evaluate: (weights: Weights) => Promise<Scores>;
  /** Called at the end of each epoch but the last, and when `signal` is aborted, after a whole step. */
  readonly checkpoint: (state: TrainingState) => Promise<void>;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface Outcome {
  readonly state: TrainingState;
  readonly stop: Stop | undefined;
  /** Whether `signal` ended it; the checkpoint is written then. */
  readonly interrupted: boolean;
  /** Steps and seconds of this run, evaluations not counted. */
  readonly steps: number;
  readonly stepSeconds: number;
}

/** A loss so many times the first one (or 1, where that was less) has exploded. */
const EXPLOSION = 10;

/** What a training begins with. `own` by parameter. */
export async function initialState(
  step: StepGraph,
  own: Weights,
  evaluate: TrainerOptions["evaluate"],
): Promise<TrainingState> {
  const probe = await evaluate(own);
  const best = { epoch: 0, weights: own, ...probe };
  const held = freshlyHeld(step, own);
  return { step: 0, held, lossSum: 0, lossSteps: 0, firstLoss: undefined, history: [], probe, best };
}

/** Whether scores are better: by accuracy, among equals by log loss. */
export const isBetter = (a: Scores, b: Scores): boolean =>
  a.accuracy !== b.accuracy ? a.accuracy > b.accuracy : a.logLoss < b.logLoss;

/** Trains from a state on to the end, a stop or an interruption. */
export async function runTraining(begin: TrainingState, options: TrainerOptions): Promise<Outcome> {
  const { epochs, stepsUntil, batch, patience, signal } = options;
  const steps = stepsUntil(epochs);
  const schedule = { peak: options.learningRate, steps, warmUp: Math.round(options.warmUp * steps) };
  let state = begin;
  let stepSeconds = 0;
  const meterOf = (): Meter =>
    createMeter({
      stage: `Fine-tuning, epoch ${state.history.length + 1} of ${epochs}${told(state)}`,
      unit: "images",
      total: steps * batch,
      from: state.step * batch,
      onProgress: options.onProgress,
    });
  const ended = (stop: Stop | undefined, interrupted = false): Outcome => {
    return { state, stop, interrupted, steps: state.step - begin.step, stepSeconds };
  };

  let meter = meterOf();
  let next = state.step < steps ? options.feeds(state.step + 1) : {};
  for (;;) {
    const patienceEnds = state.lossSteps === 0 ? stopOf(state, patience) : undefined;
    if (state.step === steps || patienceEnds) return ended(state.step === steps ? undefined : patienceEnds);
    if (signal?.aborted) {
      await options.checkpoint(state);
      return ended(undefined, true);
    }
    const epoch = state.history.length + 1;
    const step = state.step + 1;
    const learningRate = cosineRate(step, schedule);
    const began = performance.now();
    const running = options.run(state.held, next, learningRate, step);
    // The next batch is read while this one runs.
    if (step < steps) next = options.feeds(step + 1);
    const { loss, norm, held } = await running;
    stepSeconds += (performance.now() - began) / 1000;
    const bad = failureOf(loss, norm, state.firstLoss ?? loss);
    if (bad) return ended({ kind: bad, epoch, learningRate, loss });
    const [lossSum, lossSteps] = [state.lossSum + loss, state.lossSteps + 1];
    state = { ...state, step, held, firstLoss: state.firstLoss ?? loss, lossSum, lossSteps };
    meter.add(batch);
    if (step === stepsUntil(epoch)) {
      state = await withEpoch(state, options, learningRate);
      if (step < steps) await options.checkpoint(state);
      meter = meterOf();
    }
  }
}

function failureOf(loss: number, norm: number, firstLoss: number): "not-finite" | "exploded" | undefined {
  if (!Number.isFinite(loss) || !Number.isFinite(norm)) return "not-finite";
  return loss > EXPLOSION * Math.max(firstLoss, 1) ? "exploded" : undefined;
}

function told({ history }: TrainingState): string {
  const last = history.at(-1);
  return last ? ` (loss ${last.loss.toFixed(3)}, validation ${(100 * last.validationAccuracy).toFixed(1)}%)` : "";
}

/** The state after an epoch: judged, noted, and kept where it is the best so far. */
async function withEpoch(
  state: TrainingState,
  { step, evaluate }: TrainerOptions,
  learningRate: number,
): Promise<TrainingState> {
  const epoch = state.history.length + 1;
  const weights = answering(step, state.held);
  const scores = await evaluate(weights);
  const record: EpochRecord = {
    epoch,
    loss: state.lossSum / state.lossSteps,
    validationAccuracy: scores.accuracy,
    validationLogLoss: scores.logLoss,
    learningRate,
  };
  return {
    ...state,
    lossSum: 0,
    lossSteps: 0,
    history: [...state.history, record],
    best: isBetter(scores, state.best) ? { epoch, weights, ...scores } : state.best,
  };
}

/** Training ends where the last epochs brought nothing; those before the first that did better do not count. */
function stopOf({ history, best }: TrainingState, patience: number): Stop | undefined {
  const epoch = history.length;
  return epoch - best.epoch >= patience ? { kind: "patience", epoch } : undefined;
}
