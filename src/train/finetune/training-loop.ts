/**
 * The average of the weights at the ends of the last epochs, which answers better than any one of them picked by luck.
 * Source: Izmailov et al., "Averaging weights leads to wider optima and better generalization", UAI 2018, arXiv 1803.05407; with the
 * weights falling off from epoch to epoch, so that it is there whenever training ends.
 */

import { cosineRate } from "../../autodiff/optimisers.ts";
import type { StepGraph } from "../../autodiff/training-step.ts";
import { createMeter, type Meter, type OnProgress } from "../../base/progress.ts";
import { isClearlyBetter, type Judged, type Judgement, meanLoss } from "./judgement.ts";
import { type Batch, freshlyHeld, predictingWeights, type StepRunner, type Weights } from "./step-runner.ts";

/** The share of the newest weights, once there are enough epochs: the last four count for about two thirds. */
const NEWEST = 1 / 4;

/**
 * The next average.
 *
 * @param average of the epochs before; nothing before the first
 * @param epoch counted from 1: the first ones count alike
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

// The training loop: batches in, weights and optimiser state round and round through one session, and after each epoch the average of
// the last epochs' weights judged. Knows nothing of images, files or networks: those come as functions.

/** How one epoch went. */
export interface EpochRecord {
  readonly epoch: number;
  /** Mean over the epoch's steps; smoothed labels and mixed examples count. */
  readonly loss: number;
  /** Of the average of the last epochs' weights. */
  readonly validationAccuracy: number;
  readonly validationLogLoss: number;
  /** Of the epoch's last step. */
  readonly learningRate: number;
}

/** Averaged weights with how they were judged. */
export interface Candidate extends Judgement {
  /** The last epoch that is in them. */
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
  readonly probe: Judgement;
  /** The average as it is now, and as it was when it was judged best; nothing before the first epoch. */
  readonly last: Candidate | undefined;
  readonly best: Candidate | undefined;
  /** The epoch after which neither the probe nor any epoch before had been judged better; 0 for the probe. */
  readonly improved: number;
  /** The logits after each epoch, from those that training began with on; empty where they are not kept. */
  readonly logits: readonly Float32Array[];
  /** Set when training has ended, so that nothing is left to do. */
  readonly end?: { readonly stop: Stop | undefined } | undefined;
}

export interface TrainerOptions {
  readonly step: StepGraph;
  readonly run: StepRunner;
  /** Feeds of a step: what the network reads and the labels. */
  readonly feeds: (step: number) => Batch;
  /** Examples a step. */
  readonly batch: number;
  readonly epochs: number;
  /** Steps until the end of an epoch. */
  readonly stepsUntil: (epoch: number) => number;
  readonly learningRate: number;
  /** Share of all steps. */
  readonly warmUp: number;
  readonly patience: number;
  /** Steps that are handed to the runner at once; default by how long they take. They come out the same. */
  readonly atOnce?: number | undefined;
  /** Judges weights after an epoch; 0 for those that training begins with. */
  readonly evaluate: (weights: Weights, epoch: number) => Promise<Judged>;
  /** Called at the end of each epoch but the last, and when `signal` is aborted, after the steps under way. */
  readonly checkpoint: (state: TrainingState) => Promise<void>;
  /** What the progress is called. */
  readonly title?: string | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Told of each epoch when it has been judged. */
  readonly onEpoch?: ((record: EpochRecord) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Aborted, training ends with what it has after its first epoch; of an epoch under way nothing counts. */
  readonly enough?: AbortSignal | undefined;
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

/**
 * Steps that are handed to the runner at once, at most, and the seconds that they may take together: weights are then
 * copied less often, and the user still sees progress and is heard.
 */
const MOST_AT_ONCE = 8;
const SECONDS_AT_ONCE = 2;

/** A loss so many times the first one (or 1, where that was less) has exploded. */
const EXPLOSION = 10;

/** What a training begins with. `own` by parameter. */
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

/** The weights that training leaves: the last average, or the best where it is clearly better; nothing before the first epoch. */
export const keptOf = ({ last, best }: TrainingState): Candidate | undefined =>
  last && best && isClearlyBetter(best, last) ? best : last;

/** Trains from a state on to the end, a stop or an interruption. */
export async function runTraining(begin: TrainingState, options: TrainerOptions): Promise<Outcome> {
  const { epochs, stepsUntil, batch, patience, signal } = options;
  const steps = stepsUntil(epochs);
  const schedule = { peak: options.learningRate, steps, warmUp: Math.round(options.warmUp * steps) };
  let state = begin;
  let stepSeconds = 0;
  const meterOf = (): Meter =>
    createMeter({
      stage: `${options.title ?? "Fine-tuning"}, epoch ${state.history.length + 1} of ${epochs}${told(state)}`,
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
    // Where there are fewer examples than a batch has, several epochs end in one step.
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

function told({ history }: TrainingState): string {
  const last = history.at(-1);
  return last ? ` (loss ${last.loss.toFixed(3)}, validation ${(100 * last.validationAccuracy).toFixed(1)}%)` : "";
}

/** The state after an epoch: averaged, judged and noted. */
async function withEpoch(
  state: TrainingState,
  { step, evaluate, onEpoch }: TrainerOptions,
  learningRate: number,
): Promise<TrainingState> {
  const epoch = state.history.length + 1;
  const weights = nextAverage(state.last?.weights, predictingWeights(step, state.held), epoch);
  const { logits, ...judgement } = await evaluate(weights, epoch);
  const last: Candidate = { epoch, weights, ...judgement };
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

/** Training ends where the last epochs brought nothing; those before the first that did better do not count. */
function stopOf({ history, improved }: TrainingState, patience: number): Stop | undefined {
  const epoch = history.length;
  return epoch - improved >= patience ? { kind: "patience", epoch } : undefined;
}
