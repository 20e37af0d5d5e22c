/**
 * Trains a network's last stages: chooses the freeze boundary, stores the frozen part's outputs, runs the training loop, and predicts the
 * validation and test examples. Whether to keep the result is decided in finetune-or-probe.ts.
 */

import { createMeter } from "../../base/progress.ts";
import type { Head } from "../../model/artifact-graph.ts";
import { shapesOf } from "../../networks/backbone/backbone.ts";
import { stagesOf } from "../../networks/backbone/stages.ts";
import { inFloat32, type TrainableWeights, trainableWeights } from "../../networks/backbone/trainable-weights.ts";
import type { Network } from "../../networks/network.ts";
import type { Checkpoints, Environment } from "../environment.ts";
import type { Location } from "../features/images-and-records.ts";
import { balancedWeights } from "../head/fit.ts";
import { batchesOf, createReader, createSampler } from "./batches.ts";
import type { Checkpoint, Choices, FinetuneInput, FinetuneOptions, Labelled } from "./finetune-contract.ts";
import {
  findLearningRate,
  RANGE_STEPS,
  type RangeTest,
  type Recipe,
  recipeFor,
  type Unfrozen,
  unfrozen,
} from "./recipe.ts";
import { headIn, logitsOf, openStepEngine, ownName, type StepEngine, stopText, withWeights } from "./step-engine.ts";
import type { StepRunner, Weights } from "./step-runner.ts";
import type { Storage } from "./stored-views.ts";
import { type Stored, storedFor } from "./stored-views.ts";
import { type Boundary, boundaryOf, pixelBoundary, type StoredType } from "./trainable-part.ts";
import { initialState, keptOf, type Outcome, runTraining, type TrainingState } from "./training-loop.ts";
import type { ValidationPredictions, ValidationScores } from "./validation.ts";
import { joinedLogits, jointScorer, type LogitsByEpoch, trainingTitle } from "./validation.ts";

/** The result of a training. */
export interface StageTraining {
  readonly outcome: Outcome;
  readonly recipe: Recipe;
  readonly rangeTest: RangeTest | undefined;
  readonly stages: readonly string[];
  /** How many weight values of these stages were trained. */
  readonly weights: TrainableWeights;
  readonly storage: Storage;
  readonly stored: Pick<Stored, "views" | "computed" | "seconds">;
  /** The names of the parameters that were trained. */
  readonly trained: ReadonlySet<string>;
  /** The fine-tuned network and its logits; undefined if training failed in its first epoch. */
  readonly tuned: Tuned | undefined;
}

/** A fine-tuned network. */
export interface Tuned {
  readonly network: Network;
  readonly head: Head;
  /** The last epoch in its averaged weights. */
  readonly epoch: number;
  readonly scores: ValidationScores;
  /** `[N, C]`: logits of the validation examples, then those of the further trainings by their own networks. */
  readonly validationLogits: Float32Array;
  readonly testLogits: Float32Array;
}

/** What all trainings of one fine-tuning share. */
interface Common {
  readonly plan: Unfrozen;
  readonly recipe: Recipe;
  readonly shapes: Awaited<ReturnType<typeof shapesOf>>;
  readonly checkpoints: Checkpoints | undefined;
}

/** One training of several. */
interface Running extends Common {
  readonly engine: StepEngine;
  readonly storage: Storage;
  readonly stored: Stored;
  /** Where this training continues from. */
  readonly saved: Checkpoint | undefined;
  /** The logits of the finished further trainings. */
  readonly done: readonly LogitsByEpoch[];
  /** The title in progress reports. */
  readonly title: string;
  /** Whether it is for validation only: then it runs to its last epoch, and only its logits are used. */
  readonly validatesOnly: boolean;
}

interface Trained {
  readonly outcome: Outcome;
  readonly recipe: Recipe;
  readonly rangeTest: RangeTest | undefined;
  readonly predict: (weights: Weights, locations: readonly Location[]) => Promise<Float32Array>;
}

/**
 * Trains the last stages of a network with its head, after the further trainings for validation, if there are any.
 *
 * @throws as {@link import("./finetune-or-probe.ts").finetune} does
 */
export async function trainStages(
  given: FinetuneInput,
  options: FinetuneOptions,
  environment: Environment,
): Promise<StageTraining> {
  const input = { ...given, network: inFloat32(given.network) };
  const { network, train, classes, further = [] } = input;
  const shapes = await shapesOf(network);
  const plan = unfrozen(stagesOf(network.model.graph, network.cut, shapes), String(options.unfreeze), network.name);
  const recipe = recipeFor({ examples: train.labels.length, classes, fromScratch: options.fromScratch }, options);
  const { checkpoint } = options;
  const checkpoints =
    checkpoint === undefined ? undefined : environment.openCheckpoints?.(checkpoint, { input, options, plan, recipe });
  const common = { plan, recipe, shapes, checkpoints };
  const saved = checkpoints && (await savedBefore(input, options, checkpoints));
  const done: LogitsByEpoch[] = [...(saved?.done ?? [])];
  const titleOf = (at: number): string => trainingTitle(at, further.length) ?? input.title ?? "Fine-tuning";
  // The checkpoint is of the training after the finished ones.
  const savedOf = (at: number): Checkpoint | undefined => (saved?.done.length === at ? saved : undefined);
  for (let at = done.length; at < further.length; at++) {
    const own = { ...input, ...further[at]!, test: NOTHING, onEpoch: undefined };
    const as = { ...common, saved: savedOf(at), done: [...done], title: titleOf(at), validatesOnly: true };
    done.push(await withTraining(own, options, environment, as, async ({ outcome }) => outcome.state.logits));
  }
  const as = { ...common, saved: savedOf(further.length), done, title: titleOf(further.length), validatesOnly: false };
  return withTraining(input, options, environment, as, async (trained, { engine, stored, storage }) => ({
    ...(await resultOf(input, trained, engine, stored, done)),
    stages: plan.stages,
    weights: weightsIn(network, plan, engine),
    storage,
    stored,
  }));
}

/** The checkpoint to continue from. */
async function savedBefore(
  { onNote }: FinetuneInput,
  { checkpoint, resume = false }: FinetuneOptions,
  checkpoints: Checkpoints,
): Promise<Checkpoint | undefined> {
  if (!resume) return undefined;
  const saved = await checkpoints.read();
  onNote?.(
    saved
      ? `Continuing from ${checkpoint}, after ${saved.state.history.length} epochs and ${saved.state.step} steps.`
      : `There is no checkpoint ${checkpoint}: starting with the first epoch.`,
  );
  return saved;
}

/** How many weight values of the trainable stages the engine trains. */
const weightsIn = ({ model, cut }: Network, { boundary }: Unfrozen, { changing }: StepEngine): TrainableWeights =>
  trainableWeights(model.graph, cut, new Set(changing.flatMap((name) => ownName(name) ?? [])), boundary);

function tellWeights({ onNote }: FinetuneInput, { trained, of, leftOut }: TrainableWeights): void {
  const number = (value: number): string => value.toLocaleString("en-US");
  onNote?.(
    `${number(trained)} of ${number(of)} weight values of the unfrozen stages train.${leftOut ? ` ${leftOut}` : ""}`,
  );
}

const NOTHING: Labelled = { images: [], labels: new Int32Array(0) };

/** Runs one training and uses its result before its sessions and caches are closed. */
async function withTraining<T>(
  input: FinetuneInput,
  options: FinetuneOptions,
  environment: Environment,
  as: Omit<Running, "engine" | "storage" | "stored">,
  use: (trained: Trained, running: Running) => Promise<T>,
): Promise<T> {
  const { network, train } = input;
  const { plan, shapes, saved } = as;
  const recipe = { ...as.recipe, batch: Math.min(as.recipe.batch, train.labels.length) };
  const boundary = (stored: StoredType): Boundary =>
    options.boundaryCache === "off" ? pixelBoundary(network) : boundaryOf(network, plan, shapes, stored);
  const first =
    saved?.choices.stored === "float32"
      ? "float32"
      : (options.precision ?? (environment.halfPrecision ? "float16" : "float32"));
  const { storage, stored } = await storedFor(input, environment, recipe, boundary, saved?.choices, first);
  const engine = await openStepEngine({
    ...input,
    boundary: storage.boundary,
    plan,
    recipe,
    classWeights: input.classWeights === "balanced" ? balancedWeights(train.labels, input.classes) : undefined,
    batchStatistics: options.fromScratch,
    open: environment.open,
    available: environment.memoryBudget(),
  });
  try {
    const running = { ...as, recipe, engine, storage, stored };
    if (!as.validatesOnly) tellWeights(input, weightsIn(network, plan, engine));
    return await use(await trainOn(input, options, environment, running), running);
  } finally {
    await engine.close();
    stored.records.close();
  }
}

async function trainOn(
  input: FinetuneInput,
  { findLr, checkpoint }: FinetuneOptions,
  { pause, stepsAtOnce }: Environment,
  { engine, storage, stored, checkpoints, saved, recipe: planned, done, title, validatesOnly }: Running,
): Promise<Trained> {
  const { classes, seed, train, further = [] } = input;
  const { onProgress, onNote, onEpoch, signal } = input;
  const { batch, epochs } = planned;
  const reader = createReader(stored.records, storage.boundary, batch);
  const sampler = createSampler({ examples: train.labels.length, views: stored.views, batch, seed });
  const { mixup } = planned.augmentation.policy;
  const feeds = batchesOf({ sampler, reader, locations: stored.train, labels: train.labels, classes, mixup, seed });
  const predict: Trained["predict"] = (weights, locations) =>
    logitsOf(weights, locations, { session: engine.evaluation, reader, dims: engine.dims, batch, classes });
  const parts = [input, ...(validatesOnly ? [] : further)].map(({ validation }) => validation);
  const scoreAt = jointScorer(parts, { done, validatesOnly, classes, seed });
  const evaluate = async (weights: Weights, epoch: number): Promise<ValidationPredictions> =>
    scoreAt(await predict(weights, stored.validation), epoch);

  const state = saved?.state ?? (await initialState(engine.step, engine.own, evaluate));
  const rangeTest = findLr && !saved ? await rangeTestOf(input, engine, state.held, feeds) : undefined;
  const learningRate = saved?.choices.learningRate ?? rangeTest?.suggested ?? planned.learningRate;
  const recipe = { ...planned, learningRate };
  const { tensor, stored: type } = storage.boundary;
  const choices: Choices = { tensor, stored: type, views: storage.views, learningRate };
  const write = async (now: TrainingState): Promise<void> => {
    await checkpoints?.write({ choices, state: now, done });
  };
  const run: StepRunner = async (...step) => {
    const stepped = await engine.run(...step);
    await pause();
    return stepped;
  };
  const outcome = await runTraining(state, {
    step: engine.step,
    run,
    feeds,
    batch,
    epochs,
    stepsUntil: sampler.steps,
    learningRate,
    warmUp: recipe.warmUp,
    patience: input.patience ?? (validatesOnly ? Number.POSITIVE_INFINITY : recipe.patience),
    enough: input.enough,
    atOnce: stepsAtOnce,
    evaluate,
    checkpoint: write,
    title,
    onProgress,
    onEpoch,
    signal,
  });
  if (outcome.interrupted) {
    const remedy = checkpoint === undefined ? "" : `: the same command with --resume continues from ${checkpoint}`;
    onNote?.(`Stopped in epoch ${outcome.state.history.length + 1} of ${epochs}${remedy}.`);
    throw signal?.reason;
  }
  if (!validatesOnly) {
    await write(finished(outcome.state));
    if (outcome.stop) onNote?.(stopText(outcome.stop, keptOf(outcome.state)?.epoch ?? 0));
  }
  return { outcome, recipe, rangeTest, predict };
}

/** The state of a finished training, without what only further steps would need. */
function finished(state: TrainingState): TrainingState {
  const kept = keptOf(state);
  return { ...state, held: new Map(), last: kept, best: kept };
}

async function rangeTestOf(
  { onProgress, onNote, signal }: FinetuneInput,
  { run }: StepEngine,
  held: Weights,
  batch: Parameters<typeof findLearningRate>[0]["batch"],
): Promise<RangeTest> {
  const meter = createMeter({ stage: "Finding the learning rate", unit: "steps", total: RANGE_STEPS, onProgress });
  const found = await findLearningRate({ run, held, batch, onStep: meter.set, signal });
  onNote?.(
    `The loss is least at a learning rate of ${(10 * found.suggested).toPrecision(2)}: training with a tenth of it, ${found.suggested.toPrecision(2)}.`,
  );
  return found;
}

async function resultOf(
  { network }: FinetuneInput,
  { outcome, recipe, rangeTest, predict }: Trained,
  { changing, ofNetwork }: StepEngine,
  stored: Stored,
  done: readonly LogitsByEpoch[],
): Promise<Omit<StageTraining, "stages" | "weights" | "storage" | "stored">> {
  const kept = keptOf(outcome.state);
  const trained = new Set(changing.flatMap((name) => ownName(name) ?? []));
  if (!kept) return { outcome, recipe, rangeTest, trained, tuned: undefined };
  const { weights, epoch, ...scores } = kept;
  return {
    outcome,
    recipe,
    rangeTest,
    trained,
    tuned: {
      network: withWeights(network, weights, ofNetwork),
      head: headIn(weights),
      epoch,
      scores,
      validationLogits: joinedLogits(await predict(weights, stored.validation), done, epoch),
      testLogits: await predict(weights, stored.test),
    },
  };
}
