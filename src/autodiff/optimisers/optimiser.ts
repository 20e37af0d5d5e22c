/** What an optimiser is: a graph piece from a parameter, its gradient and its state to their next values. */
import type { Ref } from "../build/builder.ts";
import type { Operations } from "../build/operations.ts";

/** What the update of one parameter reads. */
export interface UpdateInputs {
  readonly parameter: Ref;
  readonly gradient: Ref;
  /** The parameter's state by slot. Parameter, gradient and state have one shape, and so have the results. */
  readonly state: Readonly<Record<string, Ref>>;
  /** The learning rate of this parameter in this step: a scalar. */
  readonly learningRate: Ref;
  /** The number of this step, counted from 1: a floating-point scalar. */
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
  /** The tensors it keeps for each parameter, all zero at first. */
  readonly slots: readonly string[];
  /** Writes the update of one parameter. */
  update(build: Operations, inputs: UpdateInputs): Updated;
}
