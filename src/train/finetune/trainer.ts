/**
 * The training loop: batches in, weights and optimiser state round and round through one session, an evaluation after each
 * epoch, the best weights kept. Knows nothing of pictures, files or networks: those come as functions.
 */
import { cosineRate } from "../../autodiff/optimisers/schedule.ts";
import type { StepGraph } from "../../autodiff/step.ts";
import { createMeter, type OnProgress } from "../../base/progress.ts";
import { elementCount } from "../../graph/tensor.ts";
import type { RuntimeTensor, Session } from "../../runtime/session.ts";

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

/** How answers to the validation pictures fare. */
export interface Scores {
  readonly accuracy: number;
  readonly logLoss: number;
}

/** Weights by the step graph's input names. */
export type Weights = ReadonlyMap<string, Float32Array>;

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
  readonly best: Best;
}

export interface TrainerOptions {
  readonly step: StepGraph;
  readonly session: Session;
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
  /** Called at the end of each epoch, and once when `signal` is aborted, after a whole step. */
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

/** A loss so many times the first one, or a blind guess's if that is more, has exploded. */
const EXPLOSION = 10;

/** What a training begins with. `weights` by parameter. */
export async function initialState(
  { weights, state }: StepGraph,
  own: Weights,
  evaluate: TrainerOptions["evaluate"],
): Promise<TrainingState> {
  const held = new Map<string, Float32Array>();
  for (const { input } of weights) held.set(input, own.get(input)!);
  for (const { input, dims, begins, parameter } of state)
    held.set(input, begins === "zero" ? new Float32Array(elementCount(dims)) : own.get(parameter)!);
  const best = { epoch: 0, weights: own, ...(await evaluate(own)) };
  return { step: 0, held, lossSum: 0, lossSteps: 0, firstLoss: undefined, history: [], best };
}

/** Whether scores are better: by accuracy, among equals by log loss. */
export const isBetter = (a: Scores, b: Scores): boolean =>
  a.accuracy !== b.accuracy ? a.accuracy > b.accuracy : a.logLoss < b.logLoss;

/** Trains from a state on to the end, a stop or an interruption. */
export async function runTraining(begin: TrainingState, options: TrainerOptions): Promise<Outcome> {
  const { step: graph, session, epochs, stepsUntil, batch, evaluate, signal } = options;
  const steps = stepsUntil(epochs);
  const rateOf = (step: number): number =>
    cosineRate(step, { peak: options.learningRate, steps, warmUp: Math.round(options.warmUp * steps) });
  const slots = [...graph.weights, ...graph.state];
  const wanted = [graph.loss, graph.gradientNorm, ...slots.map(({ output }) => output)];
  const isRead = new Set(session.inputs);
  let state = begin;
  let epoch = state.history.length + 1;
  let stepSeconds = 0;
  const meterFor = (number: number) =>
    createMeter({
      stage: `Fine-tuning, epoch ${number} of ${epochs}${told(state)}`,
      unit: "images",
      total: steps * batch,
      from: state.step * batch,
      onProgress: options.onProgress,
    });
  let meter = meterFor(epoch);
  const ended = (stop: Stop | undefined, interrupted = false): Outcome => ({
    state,
    stop,
    interrupted,
    steps: state.step - begin.step,
    stepSeconds,
  });

  const early = stopOf(state, options.patience);
  if (early) return ended(early);
  let next = state.step < steps ? options.feeds(state.step + 1) : {};
  while (state.step < steps) {
    const began = performance.now();
    const step = state.step + 1;
    const learningRate = rateOf(step);
    const running = session.run(
      Object.fromEntries(
        Object.entries({
          ...next,
          learningRate: scalar(learningRate),
          step: scalar(step),
          ...Object.fromEntries(slots.map(({ input, dims }) => [input, { dims, data: state.held.get(input)! }])),
        }).filter(([name]) => isRead.has(name)),
      ),
      wanted,
    );
    // The next batch is read while this one runs.
    if (step < steps) next = options.feeds(step + 1);
    const result = await running;
    stepSeconds += (performance.now() - began) / 1000;
    const loss = Number(result[graph.loss]!.data[0]);
    const norm = Number(result[graph.gradientNorm]!.data[0]);
    const firstLoss = state.firstLoss ?? loss;
    if (!Number.isFinite(loss) || !Number.isFinite(norm))
      return ended({ kind: "not-finite", epoch, learningRate, loss });
    if (loss > EXPLOSION * Math.max(firstLoss, 1)) return ended({ kind: "exploded", epoch, learningRate, loss });
    const held = new Map(slots.map(({ input, output }) => [input, result[output]!.data as Float32Array]));
    state = { ...state, step, held, firstLoss, lossSum: state.lossSum + loss, lossSteps: state.lossSteps + 1 };
    meter.add(batch);

    if (step === stepsUntil(epoch)) {
      state = await withEpoch(state, graph, { epoch, learningRate }, evaluate);
      await options.checkpoint(state);
      const stop = stopOf(state, options.patience);
      if (stop && step < steps) return ended(stop);
      epoch++;
      if (step < steps) meter = meterFor(epoch);
      if (signal?.aborted && step < steps) return ended(undefined, true);
    } else if (signal?.aborted) {
      await options.checkpoint(state);
      return ended(undefined, true);
    }
  }
  return ended(undefined);
}

const scalar = (value: number): RuntimeTensor => ({ dims: [], data: Float32Array.of(value) });

function told({ history }: TrainingState): string {
  const last = history.at(-1);
  return last ? ` (loss ${last.loss.toFixed(3)}, validation ${(100 * last.validationAccuracy).toFixed(1)}%)` : "";
}

/** The weights to answer with: their moving averages, where those are kept. */
export function answering({ weights, state }: StepGraph, held: Weights): Weights {
  const averages = new Map(state.filter(({ kind }) => kind === "average").map((slot) => [slot.parameter, slot.input]));
  return new Map(weights.map(({ input }) => [input, held.get(averages.get(input) ?? input)!]));
}

/** The state after an epoch: judged, noted, and kept where it is the best so far. */
async function withEpoch(
  state: TrainingState,
  graph: StepGraph,
  { epoch, learningRate }: { readonly epoch: number; readonly learningRate: number },
  evaluate: TrainerOptions["evaluate"],
): Promise<TrainingState> {
  const weights = answering(graph, state.held);
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
