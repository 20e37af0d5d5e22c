/** The sessions of one fine-tuning: the step, and the predictions. Built for a recipe, closed when training is over. */
import { type Head, LOGITS } from "../../artifact/contract.ts";
import { crossEntropy } from "../../autodiff/losses/cross-entropy.ts";
import { adamW } from "../../autodiff/optimisers/adamw.ts";
import { toChannelsFirst } from "../../autodiff/prepare/channels-last.ts";
import { prepare } from "../../autodiff/prepare/prepare.ts";
import { repeatedStep } from "../../autodiff/repeat.ts";
import { type StepGraph, stepGraph } from "../../autodiff/step.ts";
import { BLOCKED } from "../../graph/model.ts";
import { asFloat32 } from "../../graph/tensor.ts";
import { hasBlockedConvolutions } from "../../runtime/blocked.ts";
import type { OpenModel, Session } from "../../runtime/session.ts";
import { inferKnownShapes } from "../../runtime/shapes.ts";
import type { CutShape } from "../../zoo/backbone.ts";
import type { Network } from "../../zoo/network.ts";
import { withBatchStatistics } from "./batch-statistics.ts";
import { checkMemory, isWorthRepeating, stepBytes } from "./memory.ts";
import type { Unfrozen } from "./plan.ts";
import type { Recipe } from "./recipe.ts";
import { repeatedRunner, type StepRunner, stepRunner, type Weights } from "./step-runner.ts";
import { type Boundary, evaluationModel, trainablePartOf, trainablesOf } from "./trainable-part.ts";

export interface Engine {
  readonly step: StepGraph;
  readonly run: StepRunner;
  /** {@link STORED} and the weights in, logits out. */
  readonly evaluation: Session;
  /** What changes: the trainable parameters, and running statistics. */
  readonly changing: readonly string[];
  /** What these begin with, and their shapes. */
  readonly own: Weights;
  readonly dims: ReadonlyMap<string, readonly number[]>;
  /** The values of a parameter in the order that the network has them in; those of {@link Weights} may be in another. */
  ofNetwork(name: string, values: Float32Array): Float32Array;
  close(): Promise<void>;
}

export interface EngineOptions {
  readonly network: Network;
  readonly shape: CutShape;
  readonly boundary: Boundary;
  readonly plan: Unfrozen;
  readonly head: Head;
  readonly recipe: Recipe;
  /** Weights of the classes in the loss; default 1. */
  readonly classWeights?: readonly number[] | undefined;
  /** Whether batch norm goes by each batch's own statistics, as a network that begins from scratch needs it. Default false. */
  readonly batchStatistics?: boolean | undefined;
  /** How models are opened here. */
  readonly open: OpenModel;
  /** Bytes of memory to be had, see memory.ts. */
  readonly available: number;
  /** Where ONNX Runtime's profile of the step goes, see runtime/session.ts; default nowhere. */
  readonly profile?: string | undefined;
}

/** Opens an engine. Throws a data error where a step would not fit into memory, or cannot be differentiated. */
export async function openEngine(options: EngineOptions): Promise<Engine> {
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
