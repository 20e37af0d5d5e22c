/** The interface of optimisers: graph pieces that compute the next value of a parameter and its state from the gradient. */
import type { Ref } from "../build/builder.ts";
import type { Operations } from "../build/operations.ts";

/** The inputs of the update of one parameter. */
export interface UpdateInputs {
  readonly parameter: Ref;
  readonly gradient: Ref;
  /** The parameter's state by slot. Parameter, gradient, state and results have the same shape. */
  readonly state: Readonly<Record<string, Ref>>;
  /** The learning rate of this parameter in this step, a scalar. */
  readonly learningRate: Ref;
  /** The number of this step, counted from 1, a floating-point scalar. */
  readonly step: Ref;
  /** Whether weight decay applies to the parameter. */
  readonly decays: boolean;
}

export interface Updated {
  readonly parameter: Ref;
  readonly state: Readonly<Record<string, Ref>>;
}

/** An optimiser as a piece of a training step. */
export interface Optimiser {
  /** The names of the state tensors of each parameter; all start at zero. */
  readonly slots: readonly string[];
  /** Writes the update of one parameter. */
  update(build: Operations, inputs: UpdateInputs): Updated;
}
