/**
 * Converts TensorFlow's operations, the nodes of graph models, to ONNX nodes: one row per operation. Outputs are named after their
 * nodes. Keras' layers are in keras-layers.ts.
 */
import { dataError } from "../../base/errors.ts";
import { float } from "../../onnx/model.ts";
import { transposed } from "../tensorflow-layout.ts";
import { type Builder, dimsOf, mapOf, type Place, type Shape, type Window } from "./tfjs-builder.ts";
import {
  activate,
  convolve,
  depthwiseKernel,
  kernelSize,
  multiply,
  padMap,
  poolWhole,
  poolWindow,
  reshape,
} from "./tfjs-operations.ts";
import type { Attributes, Weight } from "./tfjs-weights.ts";

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

// Convolutions, matrix products and batch normalisations, with the operations that TensorFlow's optimiser fuses to them.

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

// All operations.

/** `x ∘ constant`, with one number or one per channel. */
function withConstant(
  builder: Builder,
  op: string,
  { name }: Operation,
  input: Place,
  { dims, data }: Weight,
  constantFirst: boolean,
): Place {
  const { kind, channels } = input.shape;
  const perChannel = dims.at(-1) === channels && data.length === channels;
  if (data.length !== 1 && !perChannel)
    throw dataError(
      `The operation "${name}" has a constant [${dims}], neither one number nor one per channel, which Graft does not support.`,
    );
  const shape = data.length === 1 ? [] : kind === "map" ? [channels, 1, 1] : [channels];
  const value = builder.floats(`${name}/constant`, shape, data);
  return builder.add(op, constantFirst ? [value, input.name] : [input.name, value], name, input.shape);
}

const arithmetic =
  (op: string): Convert =>
  (builder, operation) => {
    const [a, b] = operation.inputs;
    if (isPlace(a) && isPlace(b)) {
      if (dimsOf(a.shape).join() !== dimsOf(b.shape).join())
        throw dataError(`"${operation.name}" combines tensors of different shapes, which Graft does not support.`);
      return builder.add(op, [a.name, b.name], operation.name, a.shape);
    }
    return isPlace(a)
      ? withConstant(builder, op, operation, a, constant(operation, 1), false)
      : withConstant(builder, op, operation, place(operation, 1), constant(operation, 0), true);
  };

const pool =
  (op: "MaxPool" | "AveragePool"): Convert =>
  (builder, operation) =>
    poolWindow(builder, op, operation.name, place(operation), windowOf(operation, inner(operation, "ksize")));

const mean: Convert = (builder, operation) => {
  const axes = [...constant(operation, 1).data].map((axis) => (axis < 0 ? axis + 4 : axis)).sort();
  if (axes.join() !== "1,2")
    throw dataError(
      `"${operation.name}" averages over axes other than height and width, which Graft does not support.`,
    );
  const keep = operation.attributes.flag("keep_dims");
  return poolWhole(builder, "GlobalAveragePool", operation.name, place(operation), keep);
};

const concat: Convert = (builder, operation) => {
  const last = operation.inputs.length - 1;
  const axis = constant(operation, last).data[0];
  const parts = Array.from({ length: last }, (_, i) => place(operation, i));
  const { shape } = place(operation);
  const withoutChannels = ({ shape: of }: Place): string => dimsOf({ ...of, channels: 0 }).join();
  if (axis !== -1 && axis !== (shape.kind === "map" ? 3 : 1))
    throw dataError(`"${operation.name}" concatenates along axis ${axis}; Graft supports only channels.`);
  if (parts.some((part) => withoutChannels(part) !== withoutChannels(parts[0]!)))
    throw dataError(`"${operation.name}" concatenates tensors of different sizes: the model is damaged.`);
  const channels = parts.reduce((sum, part) => sum + part.shape.channels, 0);
  const joined: Shape = { ...shape, channels };
  return builder.add(
    "Concat",
    parts.map(({ name }) => name),
    operation.name,
    joined,
    { axis: 1 },
  );
};

const pad: Convert = (builder, operation) => {
  const sides = [...constant(operation, 1).data];
  const value = operation.inputs.length > 2 ? constant(operation, 2).data[0]! : 0;
  if (sides.length !== 8 || sides[0] || sides[1] || sides[6] || sides[7])
    throw dataError(`"${operation.name}" pads axes other than height and width, which Graft does not support.`);
  return padMap(builder, operation.name, place(operation), sides.slice(2, 6), value);
};

const squeeze: Convert = (builder, operation) => {
  const input = place(operation);
  const { height, width, channels } = mapOf(input);
  const axes = (operation.attributes.integers("squeeze_dims") ?? []).map((axis) => (axis < 0 ? axis + 4 : axis)).sort();
  if (height * width !== 1 || (axes.length > 0 && axes.join() !== "1,2"))
    throw dataError(`"${operation.name}" removes axes other than height and width of 1, which Graft does not support.`);
  return builder.add("Flatten", [input.name], operation.name, { kind: "vector", channels }, { axis: 1 });
};

const operations: Readonly<Record<string, Convert>> = {
  Conv2D: conv2d,
  _FusedConv2D: conv2d,
  DepthwiseConv2dNative: depthwise,
  FusedDepthwiseConv2dNative: depthwise,
  MatMul: matMul,
  _FusedMatMul: matMul,
  BiasAdd: arithmetic("Add"),
  FusedBatchNorm: batchNorm,
  FusedBatchNormV2: batchNorm,
  FusedBatchNormV3: batchNorm,
  Add: arithmetic("Add"),
  AddV2: arithmetic("Add"),
  Sub: arithmetic("Sub"),
  Mul: arithmetic("Mul"),
  Maximum: arithmetic("Max"),
  Minimum: arithmetic("Min"),
  AvgPool: pool("AveragePool"),
  MaxPool: pool("MaxPool"),
  Mean: mean,
  ConcatV2: concat,
  Pad: pad,
  PadV2: pad,
  Squeeze: squeeze,
  // The first size is the batch's, which is unchanged.
  Reshape: (builder, operation) =>
    reshape(builder, operation.name, place(operation), [...constant(operation, 1).data].slice(1)),
  ...Object.fromEntries(
    Object.entries(activations).map(([op, kind]): [string, Convert] => [
      op,
      (builder, operation) => activate(builder, kind, place(operation), operation.name),
    ]),
  ),
};

/** Converts one operation. Throws a data error with its name if Graft does not support it. */
export function convertOperation(builder: Builder, op: string, operation: Operation): Place {
  const convert = Object.hasOwn(operations, op) ? operations[op] : undefined;
  if (!convert)
    throw dataError(
      `The operation "${operation.name}" is a ${op}, which Graft does not support: export the network as ONNX.`,
    );
  return convert(builder, operation);
}
