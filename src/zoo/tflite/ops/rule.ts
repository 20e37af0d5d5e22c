/** What a rule for one TensorFlow Lite operator is given and yields, and the checks that rules share. */
import type { Conversion } from "../conversion.ts";
import { integersOf } from "../quantise.ts";
import type { Operation, TfliteTensor } from "../read.ts";

/** The result of an operation before its activation. */
export interface Result {
  /** Name of the value, in ONNX's layout. */
  readonly value: string;
  /** `ActivationFunctionType` applied afterwards; default: none. */
  readonly activation?: number | undefined;
  /**
   * How the result relates to the quantised range of the output: `clamped` to it (the default), `kept` within the range
   * of what was read (pooling, reshaping), or the function's `own` (softmax: always within 0 and 1).
   */
  readonly range?: "clamped" | "kept" | "own" | undefined;
}

/** Adds the nodes of one operation to the graph; yields nothing where its output was declared a constant. */
export interface Rule {
  readonly convert: (operation: Operation, graph: Conversion) => Result | undefined;
  /** How many inputs, counted from the first, the conversion reads; default: all. The others may be computed by anything. */
  readonly reads?: number | undefined;
}

/** Input `position` of an operation. Throws a data error where it is not given. */
export function inputOf(operation: Operation, position: number): TfliteTensor {
  const tensor = operation.inputs[position];
  if (!tensor) throw operation.error(`lacks its input ${position}: fetch or export the model again`);
  return tensor;
}

/** Input `position`, of `rank` dimensions. */
export function inputOfRank(operation: Operation, position: number, rank: number): TfliteTensor {
  const tensor = inputOf(operation, position);
  if (tensor.dims.length !== rank) {
    throw operation.error(`reads [${tensor.dims}] where ${rank} dimensions are needed: export the model again`);
  }
  return tensor;
}

/** The name of a constant input, reordered as {@link Conversion.place} does. */
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

/** The bias (input 2) as a further input of a node, if there is one; checked to be `[channels]`. */
export function biasOf(operation: Operation, graph: Conversion, channels: number): string[] {
  const bias = operation.inputs[2];
  if (!bias) return [];
  if (bias.dims.length !== 1 || bias.dims[0] !== channels) {
    throw operation.error(`has biases [${bias.dims}] for ${channels} channels: export the model again`);
  }
  return [weightsOf(operation, graph, bias)];
}

/** The integers of a constant input. */
export function integerInput(operation: Operation, position: number): number[] {
  const tensor = inputOf(operation, position);
  const values = integersOf(tensor);
  if (!values)
    throw operation.error(`reads "${tensor.name}", which is not a constant list of integers: export with fixed sizes`);
  return values;
}
