/**
 * The type of the rules for TensorFlow Lite's operators, the checks that they share, and the activations that are fused to operators.
 * The rules are in window-ops.ts and tensor-ops.ts.
 */

import type { Operation, TfliteTensor } from "./read-tflite.ts";
import { type Conversion, contains, integersOf, intersection, type Range, rangeOf } from "./tflite-conversion.ts";

/** The result of an operation before its activation. */
export interface Result {
  /** The name of the value, in ONNX's layout. */
  readonly value: string;
  /** The `ActivationFunctionType` applied afterwards. Default: none. */
  readonly activation?: number | undefined;
  /**
   * How the result relates to the quantised range of the output: `clamped` to it (the default), `kept` within the range of the inputs
   * (pooling, reshaping), or the function's `own` (softmax: always from 0 to 1).
   */
  readonly range?: "clamped" | "kept" | "own" | undefined;
}

/** How an operator is converted. */
export interface Rule {
  /** Adds the nodes of one operation; returns undefined if its output was declared a constant. */
  readonly convert: (operation: Operation, graph: Conversion) => Result | undefined;
  /** How many of the first inputs the conversion reads. Default: all. The others need not be supported. */
  readonly reads?: number | undefined;
}

/** Input `position` of an operation. Throws a data error if it is missing. */
export function inputOf(operation: Operation, position: number): TfliteTensor {
  const tensor = operation.inputs[position];
  if (!tensor) throw operation.error(`has no input ${position}: download or export the model again`);
  return tensor;
}

/** Input `position`, which must have `rank` dimensions. */
export function inputOfRank(operation: Operation, position: number, rank: number): TfliteTensor {
  const tensor = inputOf(operation, position);
  if (tensor.dims.length !== rank) {
    throw operation.error(`reads [${tensor.dims}] where ${rank} dimensions are needed: export the model again`);
  }
  return tensor;
}

/** The name of a constant input, reordered as by {@link Conversion.place}. */
export function weightsOf(
  operation: Operation,
  graph: Conversion,
  tensor: TfliteTensor,
  order?: readonly number[],
): string {
  const name = graph.place(tensor, order);
  if (name === undefined) {
    throw operation.error(`has weights "${tensor.name}" that are not constant: export the network for inference`);
  }
  return name;
}

/** The bias (input 2) as an additional input of a node, if there is one; it must be `[channels]`. */
export function biasOf(operation: Operation, graph: Conversion, channels: number): string[] {
  const bias = operation.inputs[2];
  if (!bias) return [];
  if (bias.dims.length !== 1 || bias.dims[0] !== channels) {
    throw operation.error(`has biases [${bias.dims}] for ${channels} channels: export the model again`);
  }
  return [weightsOf(operation, graph, bias)];
}

/** The integers of an input, which must be constant. */
export function integerInput(operation: Operation, position: number): number[] {
  const tensor = inputOf(operation, position);
  const values = integersOf(tensor);
  if (!values)
    throw operation.error(`reads "${tensor.name}", which is not a constant list of integers: export with fixed sizes`);
  return values;
}

// The fused activation of an operation and the range of its quantised output, as one node.

/** Codes of `ActivationFunctionType`. */
export const NONE = 0;
export const RELU = 1;
export const RELU_N1_TO_1 = 2;
export const RELU6 = 3;

const everything: Range = { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY };
const activationRanges: Readonly<Record<number, Range>> = {
  [NONE]: everything,
  [RELU]: { low: 0, high: Number.POSITIVE_INFINITY },
  [RELU_N1_TO_1]: { low: -1, high: 1 },
  [RELU6]: { low: 0, high: 6 },
};

/** The bounded result of an operation. The range of a quantised output *is* its activation. */
export function activated(operation: Operation, result: Result, graph: Conversion): string {
  const { value, activation = NONE, range = "clamped" } = result;
  const wanted = activationRanges[activation];
  if (!wanted)
    throw operation.error(`has the fused activation ${activation}, which Graft does not support: export it unfused`);
  const holds = range === "own" ? everything : rangeOf(operation.output);
  const bounds = intersection(wanted, holds);
  if (range === "kept" && readsWithin(operation, bounds)) return value;
  if (contains(bounds, everything)) return value;
  if (bounds.low === 0 && bounds.high === Number.POSITIVE_INFINITY) return graph.add("Relu", [value]);
  const limit = (of: number): string => (Number.isFinite(of) ? graph.scalar(of) : "");
  return graph.add("Clip", [value, limit(bounds.low), limit(bounds.high)]);
}

/** Whether all real inputs of an operation are known to be within `bounds`. */
const readsWithin = ({ inputs }: Operation, bounds: Range): boolean =>
  inputs.every((tensor) => !tensor || isIndex(tensor) || contains(bounds, rangeOf(tensor)));

/** Whether a tensor is a shape, axes or sizes, and not values of the network. */
const isIndex = ({ type, quantisation }: { type: string; quantisation?: unknown }): boolean =>
  (type === "int32" || type === "int64") && quantisation === undefined;
