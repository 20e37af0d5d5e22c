/**
 * One fine-tuning from end to end: the boundary is chosen, views are stored, the step graph is built, the loop runs, and the
 * better of the tuned network and the linear probe comes out. Each of these has a file of its own beside this one.
 */
import { join } from "node:path";
import type { Head } from "../../artifact/contract.ts";
import { LOGITS } from "../../artifact/contract.ts";
import { crossEntropy } from "../../autodiff/losses/cross-entropy.ts";
import { adamW } from "../../autodiff/optimisers/adamw.ts";
import { stepGraph, type Trainable } from "../../autodiff/step.ts";
import { cacheFolder } from "../../base/cache.ts";
import { workError } from "../../base/errors.ts";
import { sha256 } from "../../base/files.ts";
import type { OnProgress } from "../../base/progress.ts";
import { randomFor } from "../../base/random.ts";
import { oneHot, planMixup } from "../../data/augment/mixup.ts";
import { asFloat32, float32Tensor } from "../../graph/tensor.ts";
import { openModel } from "../../runtime/open-model.ts";
import type { RuntimeTensor, Session } from "../../runtime/session.ts";
import { BACKBONE, type CutShape, shapesOf } from "../../zoo/backbone.ts";
import type { Network } from "../../zoo/network.ts";
import { stagesOf } from "../../zoo/stages.ts";
import { type Location, openRecordCache, type RecordCache } from "../features/records.ts";
import { preparationModel } from "../features/runner.ts";
import { openFront } from "./front.ts";
import { type Unfrozen, unfrozen } from "./plan.ts";
import { type Recipe, type RecipeFlags, recipeFor } from "./recipe.ts";
import { createSampler } from "./sampler.ts";
import {
  type Boundary,
  boundaryOf,
  evaluationModel,
  PARTNERS,
  SHARE,
  STORED,
  storedBytes,
  type Tail,
  tailOf,
  trainablesOf,
} from "./tail.ts";
import { type EpochRecord, initialState, runTraining, type Scores, type Stop, type Weights } from "./trainer.ts";
import { fillViews, type Picture } from "./views.ts";

/** What a user may say of a fine-tuning. */
export interface FinetuneOptions extends RecipeFlags {
  /** A stage, `all`, or a number of last stages. */
  readonly unfreeze: string;
}

/** Pictures with their labels. */
export interface Labelled {
  readonly pictures: readonly Picture[];
  readonly labels: Int32Array;
}

export interface FinetuneInput {
  readonly network: Network;
  readonly shape: CutShape;
  /** The linear probe's, fitted on the same training pictures. */
  readonly head: Head;
  readonly train: Labelled;
  readonly validation: Labelled;
  readonly test: Labelled;
  readonly classes: number;
  readonly classWeights: "none" | "balanced";
  readonly seed: number;
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What is told of a fine-tuning: the JSON's `finetune`. */
export interface FinetuneFacts {
  readonly stages: readonly string[];
  readonly boundary: string;
  readonly views: number;
  readonly storage: { readonly type: string; readonly bytes: number };
  readonly epochs: number;
  readonly bestEpoch: number;
  readonly kept: "fine-tuned" | "linear-probe";
  readonly stop: Stop | undefined;
  readonly history: readonly EpochRecord[];
  readonly probe: Scores;
  readonly recipe: Recipe;
}

export interface Finetuned {
  /** The network with its tuned weights, and the tuned head; nothing where the linear probe was not outdone. */
  readonly tuned:
    | {
        readonly network: Network;
        readonly head: Head;
        /** `[N, C]` */
        readonly validationLogits: Float32Array;
        readonly testLogits: Float32Array;
      }
    | undefined;
  /** The network's parameters that were trained. */
  readonly trained: ReadonlySet<string>;
  readonly facts: FinetuneFacts;
  readonly seconds: number;
  /** Images a second inside the loop. */
  readonly stepRate: number;
}

const HEAD_WEIGHT = "head/weight";
const HEAD_BIAS = "head/bias";

/** Fine-tunes a network. */
export async function finetune(input: FinetuneInput, options: FinetuneOptions): Promise<Finetuned> {
  const began = performance.now();
  const { network, train, classes } = input;
  const shapes = await shapesOf(network);
  const plan = unfrozen(stagesOf(network.model.graph, network.cut, shapes), options.unfreeze, network.name);
  const recipe = recipeFor({ examples: train.labels.length, classes }, options);
  const boundary = boundaryOf(network, plan, shapes);
  const cache = await openRecordCache(boundaryFolder(network, boundary), storedBytes(boundary));
  try {
    const stored = await storeViews(input, boundary, recipe, cache);
    const result = await train_(input, plan, recipe, boundary, cache, stored);
    return { ...result, seconds: (performance.now() - began) / 1000 };
  } finally {
    cache.close();
  }
}

/** The cache's folder for a network, boundary and preprocessing. */
function boundaryFolder({ sha256: weights, cut, preprocessing }: Network, { tensor, stored }: Boundary): string {
  const key = JSON.stringify([weights, cut, tensor, stored, sha256(preparationModel(preprocessing))]);
  return join(cacheFolder(), "boundary", sha256(key).slice(0, 32));
}

interface Stored {
  readonly views: number;
  readonly train: readonly (readonly Location[])[];
  readonly validation: readonly Location[];
  readonly test: readonly Location[];
}

async function storeViews(
  input: FinetuneInput,
  boundary: Boundary,
  recipe: Recipe,
  cache: RecordCache,
): Promise<Stored> {
  const { network, shape, seed, onProgress, signal } = input;
  const front = openFront(network, shape, boundary, 16);
  const { augmentation } = recipe;
  const common = { augmentation, preprocessing: network.preprocessing, seed, batch: 16, onProgress, signal };
  const views = augmentation.name === "none" ? 0 : recipe.views;
  try {
    const centre = async ({ pictures }: Labelled, stage: string): Promise<Location[]> => {
      const { locations } = await fillViews(pictures, cache, front, { ...common, views: 0, stage });
      return locations.map(([one]) => one!);
    };
    const trained = await fillViews(input.train.pictures, cache, front, {
      ...common,
      views,
      stage: "Running the frozen part on views of the training pictures",
    });
    return {
      views: Math.max(1, views),
      train: trained.locations,
      validation: await centre(input.validation, "Running the frozen part on the validation pictures"),
      test: await centre(input.test, "Running the frozen part on the test pictures"),
    };
  } finally {
    await front.close();
  }
}

async function train_(
  input: FinetuneInput,
  plan: Unfrozen,
  recipe: Recipe,
  boundary: Boundary,
  cache: RecordCache,
  stored: Stored,
): Promise<Omit<Finetuned, "seconds">> {
  const { network, shape, head, classes, seed, train, validation, onProgress, signal } = input;
  const { batch } = recipe;
  const mixes = recipe.augmentation.policy.mixup > 0;
  const tail = await tailOf({ network, shape, boundary, head, batch, mixes });
  const plain = mixes ? await tailOf({ network, shape, boundary, head, batch }) : tail;
  const trainable = trainablesOf(network, plan, tail.graph, recipe.stageDecay);
  const step = stepGraph(tail.graph, tail.shapes, {
    prediction: LOGITS,
    loss: crossEntropy({ labelSmoothing: recipe.labelSmoothing, labels: "probabilities", ...weightsOf(input) }),
    trainable,
    optimiser: adamW({ weightDecay: recipe.weightDecay }),
    longestGradient: recipe.longestGradient,
    ...(recipe.averageDecay === undefined ? {} : { averageDecay: recipe.averageDecay }),
  });
  const session = await openModel({ ...network.model, metadata: new Map(), graph: step.graph });
  const evaluation = await openModel(evaluationModel(network, plain, trainable));
  try {
    const reader = readerOf(cache, boundary, batch);
    const logitsOf = (weights: Weights, locations: readonly Location[]): Promise<Float32Array> =>
      answers(evaluation, tail, weights, locations, reader, batch, classes);
    const evaluate = async (weights: Weights): Promise<Scores> =>
      scoresOf(await logitsOf(weights, stored.validation), validation.labels, classes);
    const sampler = createSampler({ examples: train.labels.length, views: stored.views, batch, seed });
    const feeds = (number: number): Record<string, RuntimeTensor> => {
      const drawn = sampler.batch(number);
      const labels = oneHot(
        drawn.map(({ example }) => train.labels[example]!),
        classes,
      );
      const fed = { [STORED]: reader(drawn.map(({ example, view }) => stored.train[example]![view]!)) };
      if (!mixes) return { ...fed, labels: { dims: [batch, classes], data: labels } };
      const mixing = planMixup(batch, recipe.augmentation.policy.mixup, randomFor(seed, "mixup", number));
      return {
        ...fed,
        [SHARE]: { dims: [], data: Float32Array.of(mixing.share) },
        [PARTNERS]: { dims: [batch], data: BigInt64Array.from(mixing.partners, BigInt) },
        labels: { dims: [batch, classes], data: mixedRows(labels, mixing, classes) },
      };
    };
    const own = new Map(trainable.map(({ name }) => [name, asFloat32(tail.graph.initializers.get(name)!)]));
    const begin = await initialState(step, own, evaluate);
    const outcome = await runTraining(begin, {
      step,
      session,
      feeds,
      batch,
      epochs: recipe.epochs,
      stepsUntil: sampler.steps,
      learningRate: recipe.learningRate,
      warmUp: recipe.warmUp,
      patience: recipe.patience,
      evaluate,
      checkpoint: async () => {},
      onProgress,
      signal,
    });
    if (outcome.interrupted) throw workError("Interrupted.");
    const { best, history } = outcome.state;
    const tuned =
      best.epoch === 0
        ? undefined
        : {
            network: withWeights(network, best.weights),
            head: { weights: best.weights.get(HEAD_WEIGHT)!, bias: best.weights.get(HEAD_BIAS)! },
            validationLogits: await logitsOf(best.weights, stored.validation),
            testLogits: await logitsOf(best.weights, stored.test),
          };
    return {
      tuned,
      trained: new Set(trainedNames(trainable)),
      facts: {
        stages: plan.stages,
        boundary: boundary.called,
        views: stored.views,
        storage: { type: boundary.stored, bytes: storedBytes(boundary) * stored.views * train.labels.length },
        epochs: history.length,
        bestEpoch: best.epoch,
        kept: tuned ? "fine-tuned" : "linear-probe",
        stop: outcome.stop,
        history,
        probe: { accuracy: begin.best.accuracy, logLoss: begin.best.logLoss },
        recipe,
      },
      stepRate: outcome.stepSeconds > 0 ? (outcome.steps * batch) / outcome.stepSeconds : 0,
    };
  } finally {
    await session.close();
    await evaluation.close();
  }
}

const trainedNames = (trainable: readonly Trainable[]): string[] =>
  trainable.flatMap(({ name }) => (name.startsWith(BACKBONE) ? [name.slice(BACKBONE.length)] : []));

function weightsOf({ classWeights, train, classes }: FinetuneInput): { classWeights?: number[] } {
  if (classWeights === "none") return {};
  const counts = new Array<number>(classes).fill(0);
  for (const label of train.labels) counts[label]!++;
  return { classWeights: counts.map((count) => train.labels.length / (classes * count)) };
}

function mixedRows(
  labels: Float32Array,
  { share, partners }: { readonly share: number; readonly partners: readonly number[] },
  classes: number,
): Float32Array {
  return labels.map((own, i) => {
    const other = labels[partners[Math.floor(i / classes)]! * classes + (i % classes)]!;
    return share * own + (1 - share) * other;
  });
}

type Reader = (locations: readonly Location[]) => RuntimeTensor;

const containers = { uint8: Uint8Array, float16: Uint16Array, float32: Float32Array };

/** Reads stored rows into batches; two buffers in turn, so that one may be read while the other is in use. */
function readerOf(cache: RecordCache, boundary: Boundary, batch: number): Reader {
  const size = storedBytes(boundary);
  const buffers = [new Uint8Array(size * batch), new Uint8Array(size * batch)];
  let turn = 0;
  return (locations) => {
    const bytes = buffers[turn++ % 2]!;
    locations.forEach((at, i) => {
      cache.read(at, bytes.subarray(i * size, (i + 1) * size));
    });
    const data = new containers[boundary.stored](bytes.buffer);
    return { dims: [batch, ...boundary.dims], data, ...(boundary.stored === "float16" ? { type: "float16" } : {}) };
  };
}

/** `[N, C]` logits of stored pictures; the last batch is filled up with what the buffer holds, whose answers are dropped. */
async function answers(
  session: Session,
  { graph }: Tail,
  weights: Weights,
  locations: readonly Location[],
  reader: Reader,
  batch: number,
  classes: number,
): Promise<Float32Array> {
  const fed = Object.fromEntries(
    [...weights].map(([name, data]) => [name, { dims: graph.initializers.get(name)!.dims, data }]),
  );
  const logits = new Float32Array(locations.length * classes);
  for (let first = 0; first < locations.length; first += batch) {
    const chunk = locations.slice(first, first + batch);
    const result = await session.run({ [STORED]: reader(chunk), ...fed });
    logits.set((result[LOGITS]!.data as Float32Array).subarray(0, chunk.length * classes), first * classes);
  }
  return logits;
}

function scoresOf(logits: Float32Array, labels: Int32Array, classes: number): Scores {
  let [correct, logLoss] = [0, 0];
  labels.forEach((label, row) => {
    const own = logits.subarray(row * classes, (row + 1) * classes);
    const top = Math.max(...own);
    const sum = own.reduce((total, logit) => total + Math.exp(logit - top), 0);
    logLoss += Math.log(sum) + top - own[label]!;
    if (own.indexOf(top) === label) correct++;
  });
  return { accuracy: correct / labels.length, logLoss: logLoss / labels.length };
}

/** The network with other values for some of its parameters. */
function withWeights(network: Network, weights: Weights): Network {
  const { graph } = network.model;
  const initializers = new Map(graph.initializers);
  for (const [name, values] of weights) {
    if (!name.startsWith(BACKBONE)) continue;
    const own = name.slice(BACKBONE.length);
    initializers.set(own, float32Tensor(graph.initializers.get(own)!.dims, values));
  }
  return { ...network, model: { ...network.model, graph: { ...graph, initializers } } };
}
