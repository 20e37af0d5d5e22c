/**
 * The sessions of one fine-tuning: the training step and the predictions. Checks beforehand whether they fit into memory, and puts the trained
 * weights back into the network. The loop is in training-loop.ts.
 */

import { crossEntropy } from "../../autodiff/losses.ts";
import { adamW } from "../../autodiff/optimisers.ts";
import { toChannelsFirst } from "../../autodiff/prepare/channels-last.ts";
import { prepare } from "../../autodiff/prepare/prepare.ts";
import { repeatedStep, type StepGraph, stepGraph } from "../../autodiff/training-step.ts";
import { dataError } from "../../base/errors.ts";
import { type Head, LOGITS } from "../../model/artifact-graph.ts";
import { BACKBONE, type CutShape } from "../../networks/backbone/backbone.ts";
import type { Network } from "../../networks/network.ts";
import {
  asFloat32,
  BLOCKED,
  bytesPerElement,
  elementCount,
  float32Tensor,
  type Graph,
  type TensorShape,
} from "../../onnx/model.ts";
import type { OpenModel, Session } from "../../onnx/session/session.ts";
import { hasBlockedConvolutions } from "../../onnx/session/session.ts";
import { inferKnownShapes } from "../../onnx/session/shapes.ts";
import type { Location } from "../features/images-and-records.ts";
import type { Reader } from "./batches.ts";
import type { Recipe, Unfrozen } from "./recipe.ts";
import { repeatedRunner, type StepRunner, stepRunner, type Weights } from "./step-runner.ts";
import {
  type Boundary,
  evaluationModel,
  STORED,
  trainablePartOf,
  trainablesOf,
  withBatchStatistics,
} from "./trainable-part.ts";
import type { Stop } from "./training-loop.ts";
import type { Choice } from "./validation.ts";

export interface StepEngine {
  readonly step: StepGraph;
  readonly run: StepRunner;
  /** {@link STORED} and the weights in, logits out. */
  readonly evaluation: Session;
  /** The tensors that training changes: trainable parameters and running statistics. */
  readonly changing: readonly string[];
  /** Their initial values, and their shapes. */
  readonly own: Weights;
  readonly dims: ReadonlyMap<string, readonly number[]>;
  /** The values of a parameter in the network's own order; the order in {@link Weights} may differ. */
  ofNetwork(name: string, values: Float32Array): Float32Array;
  close(): Promise<void>;
}

export interface StepEngineOptions {
  readonly network: Network;
  readonly shape: CutShape;
  readonly boundary: Boundary;
  readonly plan: Unfrozen;
  readonly head: Head;
  readonly recipe: Recipe;
  /** Weights of the classes in the loss; default 1. */
  readonly classWeights?: readonly number[] | undefined;
  /** Whether batch norm uses each batch's own statistics, as a network from scratch needs it. Default false. */
  readonly batchStatistics?: boolean | undefined;
  /** Opens a session for a model. */
  readonly open: OpenModel;
  /** Bytes of available memory. */
  readonly available: number;
  /** The path prefix of ONNX Runtime's profile of the step; default no profile. */
  readonly profile?: string | undefined;
}

/** Opens an engine. Throws GraftError (`data`) if a step does not fit into memory or cannot be differentiated. */
export async function openStepEngine(options: StepEngineOptions): Promise<StepEngine> {
  const { network, plan, recipe, classWeights, batchStatistics = false, open, available, profile } = options;
  const { batch, labelSmoothing } = recipe;
  const mixes = recipe.augmentation.policy.mixup > 0;
  const part = await trainablePartOf({ ...options, batch, mixes });
  const plain = mixes ? await trainablePartOf({ ...options, batch }) : part;
  const trainable = trainablesOf(network, plan, part.graph, recipe.stageDecay);
  const trained = new Set(trainable.map(({ name }) => name));
  const learning = batchStatistics ? withBatchStatistics(part.graph, part.shapes) : { ...part, carried: [] };
  const { graph, shapes: partShapes, kernels } = prepare(learning.graph, learning.shapes, trained);
  const blocked = await hasBlockedConvolutions();
  const step = stepGraph(graph, partShapes, {
    prediction: LOGITS,
    loss: crossEntropy({ labelSmoothing, labels: "probabilities", classWeights }),
    trainable,
    optimiser: adamW({ weightDecay: recipe.weightDecay }),
    longestGradient: recipe.longestGradient,
    carried: learning.carried,
    blocked,
    averageDecay: recipe.averageDecay,
  });
  const opsets = new Map([...network.model.opsets, ...(blocked ? [[BLOCKED.domain, BLOCKED.version] as const] : [])]);
  const bare = { ...network.model, opsets, metadata: new Map() };
  const { shapes } = await inferKnownShapes({ ...bare, graph: step.graph });
  checkMemory(stepBytes(step, shapes), available, batch);
  const repeats = isWorthRepeating(step, shapes);
  const session = await open({ ...bare, graph: repeats ? repeatedStep(step) : step.graph }, { profile });
  const predicting = mixes || batchStatistics ? prepare(plain.graph, plain.shapes, trained).graph : graph;
  const changing = [...trainable, ...learning.carried].map(({ name }) => name);
  const evaluation = await open(evaluationModel(network, predicting, changing));
  const initial = changing.map((name) => [name, graph.initializers.get(name)!] as const);
  return {
    step,
    run: repeats ? repeatedRunner(step, session) : stepRunner(step, session),
    evaluation,
    changing,
    own: new Map(initial.map(([name, tensor]) => [name, asFloat32(tensor)])),
    dims: new Map(initial.map(([name, { dims }]) => [name, dims])),
    ofNetwork: (name, values) =>
      kernels.has(name) ? toChannelsFirst(values, part.graph.initializers.get(name)!.dims) : values,
    async close() {
      await session.close();
      await evaluation.close();
    },
  };
}

// The result of a training: weights, and the sentences about it.

/** The head among the weights of a trainable part. */
export const headIn = (weights: Weights): Head => ({
  weights: weights.get("head/weight")!,
  bias: weights.get("head/bias")!,
});

/** The network's own name of a tensor of the backbone; undefined for other tensors. */
export const ownName = (name: string): string | undefined =>
  name.startsWith(BACKBONE) ? name.slice(BACKBONE.length) : undefined;

/** The network with other values for some of its parameters. */
export function withWeights(network: Network, weights: Weights, ofNetwork: StepEngine["ofNetwork"]): Network {
  const { graph } = network.model;
  const initializers = new Map(graph.initializers);
  for (const [name, values] of weights) {
    const own = ownName(name);
    if (own !== undefined)
      initializers.set(own, float32Tensor(graph.initializers.get(own)!.dims, ofNetwork(name, values)));
  }
  return { ...network, model: { ...network.model, graph: { ...graph, initializers } } };
}

/** Why training ended early, with the remedy if it failed. */
export function stopText(stop: Stop, bestEpoch: number): string {
  const kept = bestEpoch === 0 ? "The initial weights are kept" : `The weights of epoch ${bestEpoch} are kept`;
  if (stop.kind === "patience") return `${kept}: no improvement for ${stop.epoch - bestEpoch} epochs.`;
  if (stop.kind === "enough") return `${kept}: there was no time for more than ${stop.epoch} epochs.`;
  const what = stop.kind === "not-finite" ? "stopped being a number" : `rose to ${stop.loss.toPrecision(3)}`;
  return `The loss ${what} in epoch ${stop.epoch} at a learning rate of ${stop.learningRate.toPrecision(2)}. ${kept}: try --learning-rate ${(stop.learningRate / 10).toPrecision(1)}, or --find-lr.`;
}

/** What is kept and why, in one sentence: the JSON's `why`. */
export function whyText(isTuned: boolean, choice: Choice | undefined): string {
  if (!choice) return "The linear probe is kept: training failed in its first epoch.";
  const { gain, standardError, examples, folds } = choice;
  const images = folds > 1 ? `${examples} images held out in ${folds} trainings` : `${examples} validation images`;
  const lower = `${Math.abs(gain).toFixed(3)} lower than the linear probe's (standard error ${standardError.toFixed(3)})`;
  if (isTuned) return `The fine-tuned network is kept: on ${images} its log loss is ${lower}.`;
  const found =
    gain > 0 ? `${lower}, which is no more than chance` : `${Math.abs(gain).toFixed(3)} higher than the linear probe's`;
  return `The linear probe is kept: on ${images} the fine-tuned network's log loss is ${found}.`;
}

export interface PredictionOptions {
  /** A session of the {@link evaluationModel}. */
  readonly session: Session;
  readonly reader: Reader;
  readonly dims: ReadonlyMap<string, readonly number[]>;
  readonly batch: number;
  readonly classes: number;
}

/** `[N, C]` logits of stored images. The last batch is full too: predictions for the rest of the reader's buffer are dropped. */
export async function logitsOf(
  weights: Weights,
  locations: readonly Location[],
  { session, reader, dims, batch, classes }: PredictionOptions,
): Promise<Float32Array> {
  const fed = Object.fromEntries([...weights].map(([name, data]) => [name, { dims: dims.get(name)!, data }]));
  const logits = new Float32Array(locations.length * classes);
  for (let first = 0; first < locations.length; first += batch) {
    const chunk = locations.slice(first, first + batch);
    const result = await session.run({ [STORED]: reader(chunk), ...fed });
    logits.set((result[LOGITS]!.data as Float32Array).subarray(0, chunk.length * classes), first * classes);
  }
  return logits;
}

// The memory of a training step: an estimate from the shapes of its tensors and from when each is last read, before the step runs.

type Shapes = ReadonlyMap<string, TensorShape>;

/**
 * The factor between ONNX Runtime's memory and the tensors that are alive at once: it frees later than the last reader, rounds up, packs
 * weights again and keeps scratch space. Measured as the growth of a process's resident memory over {@link peakBytes}: 1.1 to 1.5 for
 * MobileNetV2 and ResNet50, with one stage or all trained.
 */
const OVERHEAD = 1.5;

/** Maximum bytes of activations and gradients that are alive at the same time if nodes run in the graph's order. */
export function peakBytes({ nodes, inputs, outputs, initializers }: Graph, shapes: Shapes): number {
  const sizeOf = (name: string): number => {
    const shape = shapes.get(name);
    return shape ? elementCount(shape.dims) * bytesPerElement[shape.type] : 0;
  };
  const lasting = new Set([...inputs, ...outputs].map(({ name }) => name).concat([...initializers.keys()]));
  const lastRead = new Map<string, number>();
  nodes.forEach((node, at) => {
    for (const input of node.inputs) lastRead.set(input, at);
  });
  const ending = new Map<number, string[]>();
  for (const [name, at] of lastRead) ending.set(at, [...(ending.get(at) ?? []), name]);
  let [live, peak] = [0, 0];
  nodes.forEach((node, at) => {
    for (const output of node.outputs) if (!lasting.has(output)) live += sizeOf(output);
    peak = Math.max(peak, live);
    for (const name of ending.get(at) ?? []) if (!lasting.has(name)) live -= sizeOf(name);
    for (const output of node.outputs) if (!lasting.has(output) && !lastRead.has(output)) live -= sizeOf(output);
  });
  return peak;
}

const slotBytes = (slots: readonly { readonly dims: readonly number[] }[]): number =>
  slots.reduce((sum, { dims }) => sum + 4 * elementCount(dims), 0);

/**
 * The ratio of weights and state to the memory within a step from which passing them takes a noticeable part of its time: a tenth for
 * ResNet50's last stage (ratio 1.2), a thirtieth for all of it (0.2).
 */
const NOTICEABLE = 0.5;

/** Whether to put several steps into one run ({@link repeatedStep}), which keeps weights and state in memory once more. */
export const isWorthRepeating = ({ graph, weights, state }: StepGraph, shapes: Shapes): boolean =>
  slotBytes([...weights, ...state]) > NOTICEABLE * peakBytes(graph, shapes);

/** Bytes that a training takes in addition to what the process has already. */
export function stepBytes(step: StepGraph, shapes: Shapes): number {
  const { graph, weights, state } = step;
  const slots = slotBytes(weights) + slotBytes(state);
  const constants = [...graph.initializers.values()].reduce((sum, { bytes }) => sum + bytes.length, 0);
  // Inputs and outputs of a step at the same time, and three averages: the previous, the next and the best one.
  const held = (isWorthRepeating(step, shapes) ? 3 : 2) * slots + 3 * slotBytes(weights);
  return OVERHEAD * peakBytes(graph, shapes) + constants + held;
}

/** Bytes as a person reads them. */
export const inGigabytes = (bytes: number): string =>
  bytes < 0.95e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;

/**
 * Rejects a training that does not fit.
 *
 * @param batch the batch size of the estimate
 * @throws GraftError (`data`) with the needed and the available memory, and the flag to change
 */
export function checkMemory(needed: number, available: number, batch: number): void {
  if (needed <= available) return;
  const fitting = Math.floor((batch * available) / needed);
  const remedy =
    fitting >= 1
      ? `give --batch ${fitting}, or unfreeze fewer stages`
      : "unfreeze fewer stages, or take a smaller network";
  throw dataError(
    `Fine-tuning in batches of ${batch} would take about ${inGigabytes(needed)} of memory, and ${inGigabytes(available)} are free: ${remedy}.`,
  );
}
