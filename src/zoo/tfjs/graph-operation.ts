/** One operation of a TensorFlow graph, and readers of what every operation has: inputs, windows. */
import { dataError } from "../../base/errors.ts";
import type { Attributes } from "./attributes.ts";
import type { Builder, Place, Window } from "./builder.ts";
import type { Weight } from "./weights.ts";

/** One node to convert. */
export interface Operation {
  readonly name: string;
  readonly attributes: Attributes;
  readonly inputs: readonly (Place | Weight)[];
}

/** Adds the ONNX nodes of an operation. */
export type Convert = (builder: Builder, operation: Operation) => Place;

/** Whether an input is computed, not a constant. */
export const isPlace = (input: Place | Weight | undefined): input is Place => input !== undefined && "shape" in input;

/** An input that is computed. Throws a data error for a constant. */
export function place({ name, inputs }: Operation, index = 0): Place {
  const input = inputs[index];
  if (isPlace(input)) return input;
  throw dataError(`The operation "${name}" needs a computed tensor as input ${index}: Graft does not convert it.`);
}

/** An input that is a constant. Throws a data error for a computed one. */
export function constant({ name, inputs }: Operation, index: number): Weight {
  const input = inputs[index];
  if (input && !isPlace(input)) return input;
  throw dataError(`The operation "${name}" needs a constant as input ${index}: Graft does not convert it.`);
}

/** The two inner numbers of `[1, height, width, 1]`. */
export function inner({ name, attributes }: Operation, attribute: string, fallback?: readonly number[]) {
  const values = attributes.integers(attribute) ?? fallback;
  const [batch, height, width, channels] = values ?? [];
  if (values?.length !== 4 || batch !== 1 || channels !== 1 || height! < 1 || width! < 1)
    throw dataError(`The attribute "${attribute}" of "${name}" is [${values ?? ""}], which Graft does not convert.`);
  return [height!, width!] as const;
}

/** The window that slides over a map. Throws a data error for paddings and formats that Graft does not convert. */
export function windowOf(operation: Operation, kernel: readonly [number, number]): Window {
  const { name, attributes } = operation;
  const format = attributes.text("data_format") ?? "NHWC";
  const padding = { SAME: "same", VALID: "valid" }[attributes.text("padding") ?? ""];
  if (format !== "NHWC") throw dataError(`The operation "${name}" has data format ${format}: only NHWC is converted.`);
  if (padding !== "same" && padding !== "valid")
    throw dataError(`The padding "${attributes.text("padding") ?? ""}" of "${name}" is none that Graft converts.`);
  const strides = inner(operation, "strides");
  return { kernel, strides, dilations: inner(operation, "dilations", [1, 1, 1, 1]), padding };
}

/** Our names of the activations. */
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
