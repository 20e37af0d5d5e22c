/**
 * One training step as one graph: forward pass, loss, gradients, clipping, update; several steps as a loop; and which constants can be
 * trained. Weights and optimiser state are inputs, and their next values are outputs; frozen weights stay constants, so that ONNX
 * Runtime prepares them once. Runs nothing itself.
 */

import { usageError } from "../base/errors.ts";
import { dataflow, lookup } from "../onnx/analysis/dataflow.ts";
import { elementCount, type Graph, type Node, node, rawTensor, type TensorShape, type Value } from "../onnx/model.ts";
import { cutGraph } from "../onnx/passes/cut-and-merge.ts";
import { allTensors, backward, differentiationOf, type Shapes } from "./gradients.ts";
import type { Ref } from "./graph-builder.ts";
import { Operations } from "./graph-operations.ts";
import type { Loss } from "./losses.ts";
import { clipByNorm, movedAverage, type Optimiser } from "./optimisers.ts";

/** A parameter that the step changes; an initializer of the graph. */
export interface Trainable {
  readonly name: string;
  /** Whether weight decay applies; usually not to biases and norms (He et al., arXiv 1812.01187, §3.1). */
  readonly decays: boolean;
  /** Its learning rate relative to the step's; default 1. */
  readonly rate?: number | undefined;
}

/** A constant that a step replaces by a computed tensor, such as running statistics. */
export interface Carried {
  /** An initializer of the graph. */
  readonly name: string;
  /** The tensor with its next value. */
  readonly next: string;
}

export interface StepOptions {
  /** The tensor from which the loss is computed, such as the logits `[N, C]`. */
  readonly prediction: string;
  readonly loss: Loss;
  readonly trainable: readonly Trainable[];
  readonly optimiser: Optimiser;
  /** The largest norm of all gradients together; default no limit. */
  readonly longestGradient?: number | undefined;
  /** The decay of moving averages of the weights; default no averages. */
  readonly averageDecay?: number | undefined;
  readonly carried?: readonly Carried[] | undefined;
  /** Whether the runtime has blocked convolutions (`hasBlockedConvolutions`); the model must then import their domain. Default false. */
  readonly blocked?: boolean | undefined;
}

/** A tensor that is an input of a step and, with its next value, an output. */
export interface Slot {
  readonly input: string;
  readonly output: string;
  readonly type: "float32" | "float64";
  readonly dims: readonly number[];
}

/** One state tensor of a parameter, flattened, and its initial value. */
export interface StateSlot extends Slot {
  readonly parameter: string;
  readonly kind: string;
  /** Zeros, or the value of the parameter. */
  readonly begins: "zero" | "parameter";
}

export interface StepGraph {
  /**
   * Inputs: the network's inputs that are still read, the inputs of the loss, `learningRate` and `step` (scalars; the step counts from
   * 1), then all slots. Outputs: `loss`, `gradientNorm`, the prediction under its own name, then all slots.
   */
  readonly graph: Graph;
  /** The inputs of each batch: the network's and the loss's. */
  readonly batch: readonly Value[];
  /** The trainable parameters, in the given order; each input has the name of the parameter. */
  readonly weights: readonly Slot[];
  readonly state: readonly StateSlot[];
  readonly carried: readonly Slot[];
  /** Names of the outputs with the loss and the gradient norm. */
  readonly loss: string;
  readonly gradientNorm: string;
}

/**
 * Assembles a training step.
 *
 * @param graph a network in operator set 18 or later with its weights as initializers; for speed, as rewritten by prepare/
 * @param shapes of every tensor, for the batch size of the training
 * @throws GraftError (`usage`) if the graph has no such parameter or the loss does not depend on it; (`data`) if an operator in
 *   between has no gradient rule
 */
export function stepGraph(graph: Graph, shapes: Shapes, options: StepOptions): StepGraph {
  const { trainable, optimiser, carried = [] } = options;
  for (const { name } of [...trainable, ...carried]) {
    if (!graph.initializers.has(name)) throw usageError(`The network has no parameter "${name}" to train.`);
  }
  const build = new Operations([...allTensors(graph), "learningRate", "step"]);
  build.blocked = options.blocked ?? false;
  const ref = (name: string): Ref => ({ name, ...known(shapes, name) });

  build.scope = "loss";
  const prediction = ref(options.prediction);
  const labels = options.loss.inputs(prediction);
  const own = [...labels.map(({ name }) => name), "learningRate", "step"].find((name) => shapes.has(name));
  if (own)
    throw usageError(`The network has a tensor "${own}", a name that the training step uses for an input: rename it.`);
  const loss = options.loss.write(build, prediction, labels);
  const forward = {
    ...graph,
    nodes: [...graph.nodes, ...build.nodes],
    initializers: new Map([...graph.initializers, ...build.initializers]),
  };
  const forwardShapes = new Map([...shapes, ...labels.map((value) => [value.name, value] as const), ...build.shapes]);

  const parameters = trainable.map(({ name }) => name);
  const towards = backward(forward, forwardShapes, loss.name, parameters, build);
  build.scope = "clip";
  const longest = options.longestGradient ?? Number.POSITIVE_INFINITY;
  const flatGradients = parameters.map((name) => {
    const gradient = towards.get(name)!;
    return build.reshape(gradient, [elementCount(gradient.dims)]);
  });
  const clipped = clipByNorm(build, flatGradients, longest);

  const scalarOf = (name: string): Ref => ({ name, type: prediction.type, dims: [] });
  const [learningRate, step] = [scalarOf("learningRate"), scalarOf("step")];
  const weights: Slot[] = [];
  const state: StateSlot[] = [];
  for (const [index, { name, decays, rate = 1 }] of trainable.entries()) {
    build.scope = `update/${name}`;
    const parameter = ref(name);
    // Flattened: ONNX Runtime is many times slower at combining a scalar with a tensor whose last axes have size 1.
    const flat = [elementCount(parameter.dims)];
    const slot = (kind: string): Ref => ({ name: `state/${kind}/${name}`, type: parameter.type, dims: flat });
    const updated = optimiser.update(build, {
      parameter: build.reshape(parameter, flat),
      gradient: clipped.gradients[index]!,
      state: Object.fromEntries(optimiser.slots.map((kind) => [kind, slot(kind)])),
      learningRate: build.mul(learningRate, rate),
      step,
      decays,
    });
    weights.push(slotOf(parameter, build.reshape(updated.parameter, parameter.dims)));
    const keep = (kind: string, next: Ref, begins: StateSlot["begins"]): void => {
      state.push({ ...slotOf(slot(kind), next), parameter: name, kind, begins });
    };
    for (const kind of optimiser.slots) keep(kind, updated.state[kind]!, "zero");
    if (options.averageDecay !== undefined) {
      keep("average", movedAverage(build, slot("average"), updated.parameter, options.averageDecay), "parameter");
    }
  }
  const carriedSlots = carried.map(({ name, next }) => slotOf(ref(name), ref(next)));

  const slots = [...weights, ...state, ...carriedSlots];
  const replaced = new Set([...weights, ...carriedSlots].map(({ input }) => input));
  const batch = [...graph.inputs.map(({ name }) => ({ ...ref(name) })), ...labels];
  const whole: Graph = {
    name: `${graph.name}/step`,
    nodes: [...graph.nodes, ...build.nodes],
    inputs: [...batch, learningRate, step, ...slots.map(({ input, type, dims }) => ({ name: input, type, dims }))],
    outputs: [],
    initializers: new Map([...[...graph.initializers].filter(([name]) => !replaced.has(name)), ...build.initializers]),
  };
  const outputs = [
    loss,
    clipped.norm,
    prediction,
    ...slots.map(({ output, type, dims }) => ({ name: output, type, dims })),
  ];
  const cut = cutGraph(whole, outputs);
  const read = new Set(cut.inputs.map(({ name }) => name));
  return {
    graph: cut,
    batch: batch.filter(({ name }) => read.has(name)),
    weights,
    state,
    carried: carriedSlots,
    loss: loss.name,
    gradientNorm: clipped.norm.name,
  };
}

function known(shapes: Shapes, name: string): TensorShape {
  const shape = shapes.get(name);
  if (!shape) throw usageError(`The network has no tensor "${name}".`);
  return shape;
}

function slotOf(input: Ref, output: Ref): Slot {
  if (input.type !== "float32" && input.type !== "float64") {
    throw usageError(`Parameter "${input.name}" is ${input.type}: only floating-point parameters can be trained.`);
  }
  return { input: input.name, output: output.name, type: input.type, dims: input.dims };
}

// Several training steps as one graph: a step inside a `Loop`, so that weights and optimiser state stay in ONNX Runtime between steps
// and are copied once for all of them. The bindings copy the outputs of every run: 180 MB and a tenth of the time for a step of
// ResNet50's last stage.

/** The prefix of the repeated graph's own tensors. */
const OUTER = "steps/";
/** Inputs: the learning rates and the numbers of the steps, counted from 1; `[K]` each. */
export const RATES = `${OUTER}learningRate`;
export const NUMBERS = `${OUTER}step`;
/** Outputs: the losses and the gradient norms of the steps; `[K]` each. */
export const LOSSES = `${OUTER}loss`;
export const NORMS = `${OUTER}gradientNorm`;
/** The name of the input with one batch per step, `[K, N, …]`. */
export const stacked = (batchInput: string): string => OUTER + batchInput;
/** The name of a slot's value after the last step. */
export const after = (slotOutput: string): string => OUTER + slotOutput;

/**
 * A graph that runs K steps, one for each learning rate in its input.
 *
 * Inputs: {@link stacked} batches, {@link RATES}, {@link NUMBERS}, and all slots by their own names. Outputs: {@link LOSSES},
 * {@link NORMS}, and {@link after} of all slots.
 */
export function repeatedStep({ graph, batch, weights, state, carried, loss, gradientNorm }: StepGraph): Graph {
  const slots = [...weights, ...state, ...carried];
  const type = weights[0]?.type ?? "float32";
  const perStep = [
    ...batch.map(({ name }) => [stacked(name), name] as const),
    [RATES, "learningRate"] as const,
    [NUMBERS, "step"] as const,
  ];
  const [iteration, condition] = ["loop/iteration", "loop/condition"];
  const values = slots.map((slot): Value => ({ name: slot.input, type: slot.type, dims: slot.dims }));
  const wanted: Value[] = [
    { name: "loop/conditionOut", type: "bool", dims: [] },
    ...slots.map((slot) => ({ name: slot.output, type: slot.type, dims: slot.dims })),
    { name: loss, type, dims: [] },
    { name: gradientNorm, type, dims: [] },
  ];
  const read = new Set(graph.inputs.map(({ name }) => name));
  const body: Graph = {
    ...graph,
    name: `${graph.name}/once`,
    inputs: [{ name: iteration, type: "int64", dims: [] }, { name: condition, type: "bool", dims: [] }, ...values],
    nodes: [
      node("Identity", [condition], ["loop/conditionOut"]),
      ...perStep.filter(([, one]) => read.has(one)).map(([all, one]) => node("Gather", [all, iteration], [one])),
      ...graph.nodes,
    ],
    outputs: wanted,
  };
  const outputs: Value[] = [
    ...slots.map((slot) => ({ name: after(slot.output), type: slot.type, dims: slot.dims })),
    { name: LOSSES, type, dims: ["K"] },
    { name: NORMS, type, dims: ["K"] },
  ];
  const [count, always] = [`${OUTER}count`, `${OUTER}always`];
  const loop = node(
    "Loop",
    [count, always, ...slots.map(({ input }) => input)],
    outputs.map(({ name }) => name),
    { body: { type: "graph", value: body } },
  );
  const whole: Graph = {
    name: `${graph.name}/steps`,
    nodes: [node("Size", [RATES], [count]), loop],
    inputs: [
      ...batch.map((value) => ({ ...value, name: stacked(value.name), dims: ["K", ...(value.dims ?? [])] })),
      { name: RATES, type, dims: ["K"] },
      { name: NUMBERS, type, dims: ["K"] },
      ...values,
    ],
    outputs: [],
    initializers: new Map([[always, rawTensor("bool", [], Uint8Array.of(1))]]),
  };
  return cutGraph(whole, outputs);
}

// The constants of a network that training can change (parameters), as opposed to settings such as the bounds of a `Clip`. The
// operator that reads a constant decides.

/** A constant that can be trained. */
export interface Parameter {
  readonly name: string;
  /** Whether weight decay applies: to kernels and matrices, not to biases, norms, embeddings and tokens. */
  readonly decays: boolean;
}

/** The input positions at which an operator reads parameters, by whether they are kernels. */
interface Reads {
  readonly kernels: readonly number[];
  readonly others: readonly number[];
}

const kernelAndBias: Reads = { kernels: [1], others: [2] };
const scaleAndShift: Reads = { kernels: [], others: [1, 2] };
/** Either input may be a bias, a scale, a position embedding or a class token; single numbers are settings. */
const anything: Reads = { kernels: [], others: [0, 1] };

const reads: Readonly<Record<string, Reads>> = {
  Conv: kernelAndBias,
  ConvTranspose: kernelAndBias,
  Gemm: kernelAndBias,
  MatMul: { kernels: [0, 1], others: [] },
  BatchNormalization: scaleAndShift,
  LayerNormalization: scaleAndShift,
  InstanceNormalization: scaleAndShift,
  GroupNormalization: scaleAndShift,
  PRelu: scaleAndShift,
  Add: anything,
  Mul: anything,
  Concat: anything,
  Expand: { kernels: [], others: [0] },
  Gather: { kernels: [], others: [0] },
};

/** In chains of constants: the inputs through which a weight reaches the output, where that is not the first input alone. */
const passing: Readonly<Record<string, readonly number[]>> = {
  ...Object.fromEntries(["Add", "Sub", "Mul", "Div", "MatMul"].map((op) => [op, [0, 1]])),
  ...Object.fromEntries(["Conv", "Gemm", "BatchNormalization", "LayerNormalization"].map((op) => [op, [0, 1, 2]])),
  ...Object.fromEntries(["InstanceNormalization", "GroupNormalization"].map((op) => [op, [0, 1, 2]])),
  Where: [1, 2],
};
/** Operators of any number of inputs, all of which pass. */
const passingAll = new Set(["Concat", "Sum", "Mean", "Max", "Min"]);
/** Tables of positions are made with these, and are not learned. */
const notFollowed = new Set(["Sin", "Cos"]);

/** Whether a constant is a kernel or a matrix. A factor per channel is neither, even if it is part of a computed kernel. */
const isMatrix = (dims: readonly number[]): boolean => dims.filter((size) => size > 1).length > 1;

/**
 * The parameters of a network, in the order in which nodes read them. Where a node reads a tensor that is computed from constants alone
 * (a transposed, reshaped, cast or standardised weight), the constants from which a gradient can flow to it are the parameters.
 */
export function parametersOf(graph: Graph): Parameter[] {
  const found = new Map<string, boolean>();
  const { dependence } = dataflow(graph);
  const { producer } = lookup(graph);
  const weightOf = (name: string): TensorShape | undefined => {
    const tensor = graph.initializers.get(name);
    return tensor?.type === "float32" || tensor?.type === "float64" ? tensor : undefined;
  };
  const add = (name: string, decays: boolean): void => {
    found.set(name, (found.get(name) ?? true) && decays);
  };
  const addSources = (of: string, isKernel: boolean): void => {
    const seen = new Set<string>();
    for (const pending = [of]; pending.length > 0; ) {
      const name = pending.pop()!;
      if (seen.has(name) || dependence(name) === "values") continue;
      seen.add(name);
      const made = producer(name);
      const weight = weightOf(name);
      if (weight && elementCount(weight.dims) > 1) add(name, isKernel && isMatrix(weight.dims));
      if (!made || notFollowed.has(made.op) || differentiationOf(made)?.kind !== "rule") continue;
      const positions = passing[made.op] ?? [0];
      pending.push(...made.inputs.filter((_, at) => passingAll.has(made.op) || positions.includes(at)).toReversed());
    }
  };
  // Arithmetic on constants comes last: what it computes decides how its constants are trained.
  const isPart = ({ op, outputs }: Node): boolean =>
    op !== "Expand" && op !== "Gather" && outputs.every((output) => dependence(output) !== "values");
  for (const of of [...graph.nodes.filter((one) => !isPart(one)), ...graph.nodes.filter(isPart)]) {
    const { op, inputs } = of;
    const { kernels, others } = reads[op] ?? { kernels: [], others: [] };
    for (const [position, name] of inputs.entries()) {
      const isKernel = kernels.includes(position);
      if (!isKernel && !others.includes(position)) continue;
      if (isPart(of) && found.has(name)) continue;
      const tensor = weightOf(name);
      if (!tensor) addSources(name, isKernel);
      else if (elementCount(tensor.dims) > 1 || reads[op] !== anything) add(name, isKernel);
    }
  }
  return [...found].map(([name, decays]) => ({ name, decays }));
}
