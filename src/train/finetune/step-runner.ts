/**
 * Runs training steps through a session: weights and optimiser state are its inputs, and their next values its outputs. When and how long to
 * train is in training-loop.ts.
 */

import type { Slot, StepGraph } from "../../autodiff/training-step.ts";
import { after, LOSSES, NORMS, NUMBERS, RATES, stacked } from "../../autodiff/training-step.ts";
import { elementCount } from "../../onnx/model.ts";
import type { Elements, RuntimeTensor, Session } from "../../onnx/session/session.ts";

/** Weights including running statistics, or weights and optimiser state, by the step graph's input names. */
export type Weights = ReadonlyMap<string, Float32Array>;

/** The inputs of a step besides the weights. */
export type Batch = Readonly<Record<string, RuntimeTensor>>;

export interface Stepped {
  /** The loss of each step. */
  readonly losses: readonly number[];
  /** Euclidean norm of all gradients of each step, before clipping. */
  readonly norms: readonly number[];
  readonly held: Weights;
}

/**
 * Runs as many steps as there are learning rates, one after the other. `first` is the number of the first step, counted from 1; `batch` is
 * called once per step, in order.
 */
export type StepRunner = (
  held: Weights,
  batch: (step: number) => Batch,
  learningRates: readonly number[],
  first: number,
) => Promise<Stepped>;

/** All tensors that a step updates. */
const slotsOf = ({ weights, state, carried }: StepGraph): readonly Slot[] => [...weights, ...state, ...carried];

/** The initial state of a training: the parameters and statistics in `own`, and new optimiser state. */
export function freshlyHeld({ weights, state, carried }: StepGraph, own: Weights): Weights {
  const held = new Map<string, Float32Array>();
  for (const { input } of [...weights, ...carried]) held.set(input, own.get(input)!);
  for (const { input, dims, begins, parameter } of state)
    held.set(input, begins === "zero" ? new Float32Array(elementCount(dims)) : own.get(parameter)!);
  return held;
}

/** The weights for predictions: their moving averages, if there are any. */
export function predictingWeights({ weights, state, carried }: StepGraph, held: Weights): Weights {
  const averages = new Map(state.filter(({ kind }) => kind === "average").map((slot) => [slot.parameter, slot.input]));
  return new Map([...weights, ...carried].map(({ input }) => [input, held.get(averages.get(input) ?? input)!]));
}

const scalar = (value: number): RuntimeTensor => ({ dims: [], data: Float32Array.of(value) });

/** A runner for a session of a step graph, one run per step. It does not request the predictions, which nothing reads. */
export function stepRunner(graph: StepGraph, session: Session): StepRunner {
  const slots = slotsOf(graph);
  const wanted = [graph.loss, graph.gradientNorm, ...slots.map(({ output }) => output)];
  const isRead = new Set(session.inputs);
  return async (begin, batch, learningRates, first) => {
    const [losses, norms]: [number[], number[]] = [[], []];
    let held = begin;
    for (const [index, learningRate] of learningRates.entries()) {
      const number = first + index;
      const fed = [
        ...Object.entries(batch(number)),
        ["learningRate", scalar(learningRate)] as const,
        ["step", scalar(number)] as const,
        ...fedSlots(slots, held),
      ].filter(([name]) => isRead.has(name));
      const result = await session.run(Object.fromEntries(fed), wanted);
      losses.push(Number(result[graph.loss]!.data[0]));
      norms.push(Number(result[graph.gradientNorm]!.data[0]));
      held = new Map(slots.map(({ input, output }) => [input, result[output]!.data as Float32Array]));
    }
    return { losses, norms, held };
  };
}

/** A runner for a session of a {@link repeatedStep}: one run for all steps of a call. */
export function repeatedRunner(graph: StepGraph, session: Session): StepRunner {
  const slots = slotsOf(graph);
  const isRead = new Set(session.inputs);
  return async (held, batch, learningRates, first) => {
    const count = learningRates.length;
    const list = (values: readonly number[]): RuntimeTensor => ({ dims: [count], data: Float32Array.from(values) });
    const stacks = new Map<string, RuntimeTensor>();
    for (let index = 0; index < count; index++)
      for (const [name, tensor] of Object.entries(batch(first + index))) stackOnto(stacks, name, tensor, index, count);
    const fed = [
      ...[...stacks].map(([name, stack]) => [stacked(name), stack] as const),
      [RATES, list(learningRates)] as const,
      [NUMBERS, list(learningRates.map((_, index) => first + index))] as const,
      ...fedSlots(slots, held),
    ].filter(([name]) => isRead.has(name));
    const result = await session.run(Object.fromEntries(fed));
    return {
      losses: Array.from(result[LOSSES]!.data, Number),
      norms: Array.from(result[NORMS]!.data, Number),
      held: new Map(slots.map(({ input, output }) => [input, result[after(output)]!.data as Float32Array])),
    };
  };
}

const fedSlots = (slots: readonly Slot[], held: Weights): (readonly [string, RuntimeTensor])[] =>
  slots.map(({ input, dims }) => [input, { dims, data: held.get(input)! }] as const);

/** Writes one of `count` tensors of the same name into their stack `[count, …dims]`. */
function stackOnto(
  stacks: Map<string, RuntimeTensor>,
  name: string,
  tensor: RuntimeTensor,
  index: number,
  count: number,
): void {
  const { dims, data } = tensor;
  const stack = stacks.get(name) ?? { ...tensor, dims: [count, ...dims], data: emptyLike(data, count * data.length) };
  stacks.set(name, stack);
  // Both are of one type: the stack was made after the first tensor.
  (stack.data as Float32Array).set(data as Float32Array, index * data.length);
}

const emptyLike = (data: Elements, length: number): Elements =>
  new (data.constructor as new (length: number) => Elements)(length);
