/**
 * The training loop: runs steps, averages the weights of the last epochs, validates the average after each epoch, and decides when to stop.
 * Knows nothing of images, files or networks, which are passed as functions.
 */
import { cosineRate } from "../../autodiff/optimisers.ts";
import type { StepGraph } from "../../autodiff/training-step.ts";
import { createMeter, type Meter, type OnProgress } from "../../base/progress.ts";
import { type Batch, freshlyHeld, predictingWeights, type StepRunner, type Weights } from "./step-runner.ts";
import { isClearlyBetter, meanLoss, type ValidationPredictions, type ValidationScores } from "./validation.ts";

/** The share of the newest weights in the average: the last four epochs count for about two thirds. */
const NEWEST = 1 / 4;

/**
 * The next average of the weights at the ends of the epochs, which predicts better than a single epoch chosen by luck. Source: Izmailov et al.,
 * "Averaging weights leads to wider optima and better generalization", UAI 2018, arXiv 1803.05407; here with decaying shares, so that an average
 * is available whenever training ends.
 *
 * @param average of the earlier epochs; undefined before the first
 * @param epoch counted from 1: the first ones count equally
 */
export function nextAverage(average: Weights | undefined, weights: Weights, epoch: number): Weights {
  if (!average) return weights;
  const share = Math.max(NEWEST, 1 / epoch);
  return new Map(
    [...weights].map(([name, values]) => {
      const before = average.get(name)!;
      return [name, values.map((value, i) => before[i]! + share * (value - before[i]!))];
    }),
  );
}

/** The figures of one epoch. */
export interface EpochRecord {
  readonly epoch: number;
  /** Mean over the epoch's steps, with smoothed labels and mixed examples. */
  readonly loss: number;
  /** Of the average of the last epochs' weights. */
  readonly validationAccuracy: number;
  readonly validationLogLoss: number;
  /** Of the epoch's last step. */
  readonly learningRate: number;
}

/** Averaged weights with their validation scores. */
export interface AveragedWeights extends ValidationScores {
  /** The last epoch in the average. */
  readonly epoch: number;
  readonly weights: Weights;
}

/** Why training ended before its last epoch. */
export type Stop =
  | { readonly kind: "patience"; readonly epoch: number }
  | { readonly kind: "enough"; readonly epoch: number }
  | {
      readonly kind: "not-finite" | "exploded";
      readonly epoch: number;
      readonly learningRate: number;
      readonly loss: number;
    };

/** The complete state of a training, as a checkpoint stores it. */
export interface TrainingState {
  /** Steps done. */
  readonly step: number;
  /** Weights and optimiser state by the step graph's input names. */
  readonly held: Weights;
  /** The sum of the losses of the current epoch's steps, and their number. */
  readonly lossSum: number;
  readonly lossSteps: number;
  /** The loss of the first step. */
  readonly firstLoss: number | undefined;
  readonly history: readonly EpochRecord[];
  /** The scores of the linear probe, with which training starts. */
  readonly probe: ValidationScores;
  /** The current average, and the one with the best scores; undefined before the first epoch. */
  readonly last: AveragedWeights | undefined;
  readonly best: AveragedWeights | undefined;
  /** The last epoch that improved on the probe and on all earlier epochs; 0 if none did. */
  readonly improved: number;
  /** The logits before the first epoch and after each epoch; empty if they are not kept. */
  readonly logits: readonly Float32Array[];
  /** Set once training has ended. */
  readonly end?: { readonly stop: Stop | undefined } | undefined;
}

export interface TrainerOptions {
  readonly step: StepGraph;
  readonly run: StepRunner;
  /** The batch of a step: stored values and labels. */
  readonly feeds: (step: number) => Batch;
  /** Examples per step. */
  readonly batch: number;
  readonly epochs: number;
  /** Steps until the end of an epoch. */
  readonly stepsUntil: (epoch: number) => number;
  readonly learningRate: number;
  /** Share of all steps. */
  readonly warmUp: number;
  readonly patience: number;
  /** Steps per call of the runner; default by how long they take. The results do not depend on it. */
  readonly atOnce?: number | undefined;
  /** Validates weights after an epoch; epoch 0 for the initial weights. */
  readonly evaluate: (weights: Weights, epoch: number) => Promise<ValidationPredictions>;
  /** Called at the end of each epoch except the last, and when `signal` is aborted, after the current steps. */
  readonly checkpoint: (state: TrainingState) => Promise<void>;
  /** The title in progress reports. */
  readonly title?: string | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Called after each epoch, once it has been validated. */
  readonly onEpoch?: ((record: EpochRecord) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** When aborted, training ends with its current result, but not before the end of its first epoch; an incomplete epoch does not count. */
  readonly enough?: AbortSignal | undefined;
}

export interface Outcome {
  readonly state: TrainingState;
  readonly stop: Stop | undefined;
  /** Whether `signal` ended it; then the checkpoint has been written. */
  readonly interrupted: boolean;
  /** Steps of this run, and their seconds without validation. */
  readonly steps: number;
  readonly stepSeconds: number;
}

/**
 * Maximum steps per call of the runner, and the seconds that they may take together: several steps copy the weights less often, and shorter
 * calls keep progress and interruption responsive.
 */
const MOST_AT_ONCE = 8;
const SECONDS_AT_ONCE = 2;

/** A loss this many times the first one (or 1, if that was lower) has exploded. */
const EXPLOSION = 10;

/** The initial state of a training. `own` are the weights by parameter. */
export async function initialState(
  step: StepGraph,
  own: Weights,
  evaluate: TrainerOptions["evaluate"],
): Promise<TrainingState> {
  const { logits, ...probe } = await evaluate(own, 0);
  return {
    step: 0,
    held: freshlyHeld(step, own),
    lossSum: 0,
    lossSteps: 0,
    firstLoss: undefined,
    history: [],
    probe,
    last: undefined,
    best: undefined,
    improved: 0,
    logits: logits ? [logits] : [],
  };
}

/** The weights to keep: the last average, or the best if it is clearly better; undefined before the first epoch. */
export const keptOf = ({ last, best }: TrainingState): AveragedWeights | undefined =>
  last && best && isClearlyBetter(best, last) ? best : last;

/** Trains from a state to the end, a stop or an interruption. */
export async function runTraining(begin: TrainingState, options: TrainerOptions): Promise<Outcome> {
  const { epochs, stepsUntil, batch, patience, signal } = options;
  const steps = stepsUntil(epochs);
  const schedule = { peak: options.learningRate, steps, warmUp: Math.round(options.warmUp * steps) };
  let state = begin;
  let stepSeconds = 0;
  const meterOf = (): Meter =>
    createMeter({
      stage: `${options.title ?? "Fine-tuning"}, epoch ${state.history.length + 1} of ${epochs}${lastEpochText(state)}`,
      unit: "images",
      total: steps * batch,
      from: state.step * batch,
      onProgress: options.onProgress,
    });
  const ended = (stop: Stop | undefined, interrupted = false): Outcome => {
    if (!interrupted) state = { ...state, end: { stop } };
    return { state, stop, interrupted, steps: state.step - begin.step, stepSeconds };
  };
  if (begin.end) return ended(begin.end.stop);

  let meter = meterOf();
  for (;;) {
    const patienceEnds = state.lossSteps === 0 ? stopOf(state, patience) : undefined;
    if (state.step >= steps || patienceEnds) return ended(state.step >= steps ? undefined : patienceEnds);
    if (signal?.aborted) {
      await options.checkpoint(state);
      return ended(undefined, true);
    }
    if (options.enough?.aborted && state.history.length > 0)
      return ended({ kind: "enough", epoch: state.history.length });
    const epoch = state.history.length + 1;
    const first = state.step + 1;
    const perStep = stepSeconds / (state.step - begin.step);
    const fitting = Math.max(1, Math.min(MOST_AT_ONCE, Math.floor(SECONDS_AT_ONCE / perStep) || 1));
    // If there are fewer examples than a batch has, several epochs end in one step.
    const count = Math.max(1, Math.min(options.atOnce ?? fitting, stepsUntil(epoch) - state.step));
    const learningRates = Array.from({ length: count }, (_, index) => cosineRate(first + index, schedule));
    const began = performance.now();
    const { losses, norms, held } = await options.run(state.held, options.feeds, learningRates, first);
    stepSeconds += (performance.now() - began) / 1000;
    const firstLoss = state.firstLoss ?? losses[0]!;
    for (const [index, loss] of losses.entries()) {
      const bad = failureOf(loss, norms[index]!, firstLoss);
      if (bad) return ended({ kind: bad, epoch, learningRate: learningRates[index]!, loss });
    }
    const lossSum = losses.reduce((sum, loss) => sum + loss, state.lossSum);
    state = { ...state, step: state.step + count, held, firstLoss, lossSum, lossSteps: state.lossSteps + count };
    meter.add(batch * count);
    if (state.step >= stepsUntil(epoch)) {
      state = await withEpoch(state, options, learningRates.at(-1)!);
      if (state.step < steps) await options.checkpoint(state);
      meter = meterOf();
    }
  }
}

function failureOf(loss: number, norm: number, firstLoss: number): "not-finite" | "exploded" | undefined {
  if (!Number.isFinite(loss) || !Number.isFinite(norm)) return "not-finite";
  return loss > EXPLOSION * Math.max(firstLoss, 1) ? "exploded" : undefined;
}

function lastEpochText({ history }: TrainingState): string {
  const last = history.at(-1);
  return last ? ` (loss ${last.loss.toFixed(3)}, validation ${(100 * last.validationAccuracy).toFixed(1)}%)` : "";
}

/** The state after an epoch: averages and validates the weights, and records the epoch. */
async function withEpoch(
  state: TrainingState,
  { step, evaluate, onEpoch }: TrainerOptions,
  learningRate: number,
): Promise<TrainingState> {
  const epoch = state.history.length + 1;
  const weights = nextAverage(state.last?.weights, predictingWeights(step, state.held), epoch);
  const { logits, ...scores } = await evaluate(weights, epoch);
  const last: AveragedWeights = { epoch, weights, ...scores };
  const record: EpochRecord = {
    epoch,
    loss: state.lossSum / state.lossSteps,
    validationAccuracy: last.accuracy,
    validationLogLoss: last.logLoss,
    learningRate,
  };
  onEpoch?.(record);
  const best = state.best && meanLoss(state.best) <= meanLoss(last) ? state.best : last;
  const isImproved = best === last && meanLoss(last) < meanLoss(state.probe);
  return {
    ...state,
    lossSum: 0,
    lossSteps: 0,
    history: [...state.history, record],
    last,
    best,
    improved: isImproved ? epoch : state.improved,
    logits: logits ? [...state.logits, logits] : state.logits,
  };
}

/** Stops if the last epochs brought no improvement. */
function stopOf({ history, improved }: TrainingState, patience: number): Stop | undefined {
  const epoch = history.length;
  return epoch - improved >= patience ? { kind: "patience", epoch } : undefined;
}
