/** Converts TensorFlow's convolutions, matrix products and batch normalisations, with the operations that its optimiser fuses to them. */
import { dataError } from "../../base/errors.ts";
import { float } from "../../graph/model.ts";
import { transposed } from "../tensorflow-layout.ts";
import { activate } from "./activations.ts";
import { type Builder, mapOf, type Place } from "./builder.ts";
import { activations, type Convert, constant, type Operation, place, windowOf } from "./graph-operation.ts";
import { convolve, depthwiseKernel, kernelSize, multiply } from "./operations.ts";
import type { Weight } from "./weights.ts";

/** Batch normalisation by four constants, starting at input `from`: scale, offset, mean, variance. */
function normalise(builder: Builder, operation: Operation, input: Place, from: number, output: string): Place {
  const { channels } = input.shape;
  const parts = ["scale", "offset", "mean", "variance"].map((part, i) => {
    const { data } = constant(operation, from + i);
    if (data.length !== channels)
      throw dataError(`The ${part} of "${operation.name}" has ${data.length} values for ${channels} channels.`);
    return builder.floats(`${output}/${part}`, [channels], data);
  });
  const epsilon = operation.attributes.number("epsilon") ?? 1e-4;
  return builder.add("BatchNormalization", [input.name, ...parts], output, input.shape, { epsilon: float(epsilon) });
}

export const batchNorm: Convert = (builder, operation) => {
  if (operation.attributes.flag("is_training"))
    throw dataError(`The operation "${operation.name}" is in training mode: export the network for inference.`);
  return normalise(builder, operation, place(operation), 1, operation.name);
};

/** Adds an operation and those that are fused to it: a bias or a normalisation by the constants from input 2 on, and an activation. */
function fused(
  builder: Builder,
  operation: Operation,
  make: (bias: Weight | undefined, output: string) => Place,
): Place {
  const [first, ...others] = operation.attributes.texts("fused_ops");
  const bias = first === "BiasAdd" ? constant(operation, 2) : undefined;
  const rest = bias || first === undefined ? others : [first, ...others];
  const nameOf = (step: number): string => (step === rest.length ? operation.name : `${operation.name}/fused${step}`);
  return rest.reduce(
    (input, op, step) => {
      const output = nameOf(step + 1);
      if (op === "FusedBatchNorm") return normalise(builder, operation, input, 2, output);
      const kind = Object.hasOwn(activations, op) ? activations[op] : undefined;
      if (!kind) throw dataError(`Graft does not support "${op}", which is fused to "${operation.name}".`);
      return activate(builder, kind, input, output);
    },
    make(bias, nameOf(0)),
  );
}

export const conv2d: Convert = (builder, operation) =>
  fused(builder, operation, (bias, output) => {
    const input = place(operation);
    const kernel = constant(operation, 1);
    const window = windowOf(operation, kernelSize(kernel, operation.name));
    const group = mapOf(input).channels / kernel.dims[2]!;
    return convolve(builder, operation.name, input, transposed(kernel, [3, 2, 0, 1]), group, bias, output, window);
  });

export const depthwise: Convert = (builder, operation) =>
  fused(builder, operation, (bias, output) => {
    const input = place(operation);
    const kernel = constant(operation, 1);
    const window = windowOf(operation, kernelSize(kernel, operation.name));
    const { channels } = mapOf(input);
    return convolve(builder, operation.name, input, depthwiseKernel(kernel), channels, bias, output, window);
  });

export const matMul: Convert = (builder, operation) =>
  fused(builder, operation, (bias, output) => {
    const { attributes, name } = operation;
    if (attributes.flag("transpose_a"))
      throw dataError(`"${name}" transposes its input, which Graft does not support.`);
    const kernel = constant(operation, 1);
    const upright = attributes.flag("transpose_b") && kernel.dims.length === 2 ? transposed(kernel, [1, 0]) : kernel;
    return multiply(builder, name, place(operation), upright, bias, output);
  });
