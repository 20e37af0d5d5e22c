/** One step after another through one session: weights and optimiser state go in and their next values come out. */
import type { StepGraph } from "../../autodiff/step.ts";
import { elementCount } from "../../graph/tensor.ts";
import type { RuntimeTensor, Session } from "../../runtime/session.ts";

/** Weights, or weights and optimiser state, by the step graph's input names. */
export type Weights = ReadonlyMap<string, Float32Array>;

export interface Stepped {
  readonly loss: number;
  /** Euclidean norm of all gradients, before clipping. */
  readonly norm: number;
  readonly held: Weights;
}

/** Runs steps. `number` counts from 1. */
export type StepRunner = (
  held: Weights,
  batch: Readonly<Record<string, RuntimeTensor>>,
  learningRate: number,
  number: number,
) => Promise<Stepped>;

/** What a training begins with: `own` values of the parameters, and fresh optimiser state. */
export function freshlyHeld({ weights, state }: StepGraph, own: Weights): Weights {
  const held = new Map<string, Float32Array>();
  for (const { input } of weights) held.set(input, own.get(input)!);
  for (const { input, dims, begins, parameter } of state)
    held.set(input, begins === "zero" ? new Float32Array(elementCount(dims)) : own.get(parameter)!);
  return held;
}

/** The weights to answer with: their moving averages, where those are kept. */
export function answering({ weights, state }: StepGraph, held: Weights): Weights {
  const averages = new Map(state.filter(({ kind }) => kind === "average").map((slot) => [slot.parameter, slot.input]));
  return new Map(weights.map(({ input }) => [input, held.get(averages.get(input) ?? input)!]));
}

const scalar = (value: number): RuntimeTensor => ({ dims: [], data: Float32Array.of(value) });

/** A runner for a step graph that `session` holds. The prediction is not asked for: nobody reads it. */
export function stepRunner(graph: StepGraph, session: Session): StepRunner {
  const slots = [...graph.weights, ...graph.state];
  const wanted = [graph.loss, graph.gradientNorm, ...slots.map(({ output }) => output)];
  const isRead = new Set(session.inputs);
  return async (held, batch, learningRate, number) => {
    const kept = slots.map(({ input, dims }) => [input, { dims, data: held.get(input)! }] as const);
    const fed = [
      ...Object.entries(batch),
      ["learningRate", scalar(learningRate)] as const,
      ["step", scalar(number)] as const,
      ...kept,
    ].filter(([name]) => isRead.has(name));
    const result = await session.run(Object.fromEntries(fed), wanted);
    return {
      loss: Number(result[graph.loss]!.data[0]),
      norm: Number(result[graph.gradientNorm]!.data[0]),
      held: new Map(slots.map(({ input, output }) => [input, result[output]!.data as Float32Array])),
    };
  };
}
