/** An operation of a TensorFlow graph, with readers of inputs and windows. */
import { dataError } from "../../base/errors.ts";
import type { Attributes } from "./attributes.ts";
import type { Builder, Place, Window } from "./builder.ts";
import type { Weight } from "./weights.ts";

/** A node to convert. */
export interface Operation {
  readonly name: string;
  readonly attributes: Attributes;
  readonly inputs: readonly (Place | Weight)[];
}

/** Adds the ONNX nodes of an operation. */
export type Convert = (builder: Builder, operation: Operation) => Place;

/** Whether an input is computed, and not a constant. */
export const isPlace = (input: Place | Weight | undefined): input is Place => input !== undefined && "shape" in input;

/** A computed input. Throws a data error for a constant. */
export function place({ name, inputs }: Operation, index = 0): Place {
  const input = inputs[index];
  if (isPlace(input)) return input;
  throw dataError(`Input ${index} of the operation "${name}" must be a computed tensor; Graft supports nothing else.`);
}

/** A constant input. Throws a data error for a computed one. */
export function constant({ name, inputs }: Operation, index: number): Weight {
  const input = inputs[index];
  if (input && !isPlace(input)) return input;
  throw dataError(`Input ${index} of the operation "${name}" must be a constant; Graft supports nothing else.`);
}

/** The height and width in an attribute `[1, height, width, 1]`. */
export function inner({ name, attributes }: Operation, attribute: string, fallback?: readonly number[]) {
  const values = attributes.integers(attribute) ?? fallback;
  const [batch, height, width, channels] = values ?? [];
  if (values?.length !== 4 || batch !== 1 || channels !== 1 || height! < 1 || width! < 1)
    throw dataError(`The attribute "${attribute}" of "${name}" is [${values ?? ""}], which Graft does not support.`);
  return [height!, width!] as const;
}

/** The sliding window of an operation. Throws a data error for paddings and formats that Graft does not support. */
export function windowOf(operation: Operation, kernel: readonly [number, number]): Window {
  const { name, attributes } = operation;
  const format = attributes.text("data_format") ?? "NHWC";
  const padding = { SAME: "same", VALID: "valid" }[attributes.text("padding") ?? ""];
  if (format !== "NHWC")
    throw dataError(`The operation "${name}" has the data format ${format}; Graft supports only NHWC.`);
  if (padding !== "same" && padding !== "valid")
    throw dataError(`Graft does not support the padding "${attributes.text("padding") ?? ""}" of "${name}".`);
  const strides = inner(operation, "strides");
  return { kernel, strides, dilations: inner(operation, "dilations", [1, 1, 1, 1]), padding };
}

/** Keras' names of the activations. */
export const activations: Readonly<Record<string, string>> = {
  Relu: "relu",
  Relu6: "relu6",
  Elu: "elu",
  Selu: "selu",
  Sigmoid: "sigmoid",
  Tanh: "tanh",
  Softplus: "softplus",
  Softmax: "softmax",
  Identity: "linear",
};
