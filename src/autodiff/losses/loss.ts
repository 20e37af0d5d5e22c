/** The interface of losses: graph pieces that turn a prediction and labels into one number. */
import type { Value } from "../../graph/model.ts";
import type { TensorType } from "../../graph/tensor.ts";
import type { Ref } from "../build/builder.ts";
import type { Operations } from "../build/operations.ts";

/** A loss as a piece of a training step. */
export interface Loss {
  /** The inputs of each batch for a prediction of shape `dims`: the labels and whatever else the loss reads. */
  inputs(prediction: { readonly type: TensorType; readonly dims: readonly number[] }): readonly LossInput[];
  /** Writes the loss, a scalar, from the prediction and the inputs in the order of their declaration. */
  write(build: Operations, prediction: Ref, inputs: readonly Ref[]): Ref;
}

/** A graph input of static shape. */
export type LossInput = Value & { readonly type: TensorType; readonly dims: readonly number[] };

/** The mean of all elements. */
export const meanOf = (build: Operations, x: Ref): Ref => build.mean(x, undefined, false);
