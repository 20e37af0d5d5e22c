/**
 * ONNX nodes that Keras' layers and TensorFlow's operations share: convolutions, pooling, products, padding, reshaping, activations.
 * Reads no JSON.
 */
import { dataError } from "../../base/errors.ts";
import { float } from "../../onnx/model.ts";
import { transposed } from "../tensorflow-layout.ts";
import { type Builder, type MapShape, mapOf, type Place, type Shape, slide, type Window } from "./tfjs-builder.ts";
import type { Weight } from "./tfjs-weights.ts";

export function checkBias(name: string, bias: Weight | undefined, channels: number): void {
  if (bias && bias.data.length !== channels)
    throw dataError(
      `The bias of "${name}" has ${bias.data.length} values for ${channels} channels: the model is damaged.`,
    );
}

/** A convolution with an ONNX kernel `[O, I/group, KH, KW]`. */
export function convolve(
  builder: Builder,
  name: string,
  input: Place,
  kernel: Weight,
  group: number,
  bias: Weight | undefined,
  output: string,
  of: Window,
): Place {
  const map = mapOf(input);
  const channels = kernel.dims[0]!;
  if (kernel.dims[1]! * group !== map.channels) {
    throw dataError(
      `The kernel of "${name}" is for ${kernel.dims[1]! * group} channels, but its input has ${map.channels}: the model is damaged.`,
    );
  }
  checkBias(name, bias, channels);
  const { pads, height, width } = slide(map, of);
  const inputs = [input.name, builder.floats(`${output}/weight`, kernel.dims, kernel.data)];
  if (bias) inputs.push(builder.floats(`${output}/bias`, bias.dims, bias.data));
  const shape: Shape = { kind: "map", height, width, channels };
  return builder.add("Conv", inputs, output, shape, {
    group,
    kernel_shape: [...of.kernel],
    strides: [...of.strides],
    dilations: [...of.dilations],
    pads,
  });
}

export const kernelSize = (kernel: Weight, name: string): readonly [number, number] => {
  if (kernel.dims.length !== 4)
    throw dataError(`The kernel of "${name}" has the shape [${kernel.dims}] instead of four dimensions.`);
  return [kernel.dims[0]!, kernel.dims[1]!];
};

/** `[KH, KW, C, M]` → `[C·M, 1, KH, KW]`; TensorFlow and ONNX use the same order of the C·M outputs. */
export function depthwiseKernel(kernel: Weight): Weight {
  const { dims, data } = transposed(kernel, [2, 3, 0, 1]);
  return { dims: [dims[0]! * dims[1]!, 1, dims[2]!, dims[3]!], data };
}

/** Pooling over a window. Averages exclude padding, in ONNX as in TensorFlow. */
export function poolWindow(
  builder: Builder,
  op: "MaxPool" | "AveragePool",
  name: string,
  input: Place,
  window: Window,
): Place {
  const map = mapOf(input);
  const { pads, height, width } = slide(map, window);
  const shape: MapShape = { kind: "map", height, width, channels: map.channels };
  return builder.add(op, [input.name], name, shape, {
    kernel_shape: [...window.kernel],
    strides: [...window.strides],
    pads,
  });
}

/** Pooling over the whole map to a vector, or with `keep` to a map of 1 × 1. */
export function poolWhole(builder: Builder, op: string, name: string, input: Place, keep: boolean): Place {
  const { channels } = mapOf(input);
  const pooled = builder.add(op, [input.name], keep ? name : `${name}/map`, {
    kind: "map",
    height: 1,
    width: 1,
    channels,
  });
  return keep ? pooled : builder.add("Flatten", [pooled.name], name, { kind: "vector", channels }, { axis: 1 });
}

/** `input` × kernel `[I, O]` (+ bias). Throws a data error if the shapes do not match. */
export function multiply(
  builder: Builder,
  name: string,
  input: Place,
  kernel: Weight,
  bias: Weight | undefined,
  output: string,
): Place {
  if (input.shape.kind !== "vector" || kernel.dims.length !== 2 || kernel.dims[0] !== input.shape.channels) {
    throw dataError(
      `The kernel [${kernel.dims}] of "${name}" does not fit its input: the model is damaged, or uses Dense on feature maps.`,
    );
  }
  checkBias(name, bias, kernel.dims[1]!);
  const inputs = [input.name, builder.floats(`${output}/weight`, kernel.dims, kernel.data)];
  if (bias) inputs.push(builder.floats(`${output}/bias`, bias.dims, bias.data));
  return builder.add("Gemm", inputs, output, { kind: "vector", channels: kernel.dims[1]! });
}

/** Zeros, or another value, around a map: `[top, bottom, left, right]`. */
export function padMap(builder: Builder, name: string, input: Place, sides: readonly number[], value = 0): Place {
  const map = mapOf(input);
  const [top, bottom, left, right] = sides as [number, number, number, number];
  if (sides.length !== 4 || !sides.every((side) => Number.isInteger(side) && side >= 0 && side < 2 ** 20))
    throw dataError(`Graft does not support the padding [${sides}] of "${name}".`);
  const inputs = [input.name, builder.integers(`${name}/pads`, [0, 0, top, left, 0, 0, bottom, right])];
  if (value !== 0) inputs.push(builder.floats(`${name}/value`, [], [value]));
  const shape: Shape = { ...map, height: map.height + top + bottom, width: map.width + left + right };
  return builder.add("Pad", inputs, name, shape);
}

/** The values in TensorFlow's order, channels last. */
function channelsLast(builder: Builder, input: Place, name: string): string {
  if (input.shape.kind === "vector" || input.shape.height * input.shape.width === 1) return input.name;
  return builder.add("Transpose", [input.name], `${name}/channelsLast`, input.shape, { perm: [0, 2, 3, 1] }).name;
}

const sizeOf = (shape: Shape): number =>
  shape.kind === "map" ? shape.height * shape.width * shape.channels : shape.channels;

/** Reshapes every image of the batch to `target` (channels last, without the batch; −1 is inferred). */
export const reshape = (builder: Builder, called: string, input: Place, target: readonly number[]): Place => {
  const known = target.filter((size) => size >= 0).reduce((product, size) => product * size, 1);
  const dims = target.map((size) => (size < 0 ? sizeOf(input.shape) / known : size));
  if (dims.reduce((product, size) => product * size, 1) !== sizeOf(input.shape))
    throw dataError(`The layer "${called}" cannot reshape its input to [${target}].`);
  const from = channelsLast(builder, input, called);
  const wanted = (name: string, output: string, shape: Shape, sizes: readonly number[]): Place =>
    builder.add("Reshape", [from, builder.integers(`${name}/shape`, [-1, ...sizes])], output, shape);
  if (dims.length === 1) return wanted(called, called, { kind: "vector", channels: dims[0]! }, dims);
  const [height, width, channels] = dims;
  if (dims.length !== 3)
    throw dataError(
      `The layer "${called}" returns a tensor of ${dims.length + 1} dimensions; Graft supports only 2 and 4.`,
    );
  const shape: Shape = { kind: "map", height: height!, width: width!, channels: channels! };
  if (height! * width! === 1) return wanted(called, called, shape, [channels!, 1, 1]);
  const last = wanted(called, `${called}/last`, shape, dims);
  return builder.add("Transpose", [last.name], called, shape, { perm: [0, 3, 1, 2] });
};

// Keras' activations, by name.

type Activate = (builder: Builder, input: Place, output: string) => Place;

const one =
  (op: string, attributes: Parameters<Builder["add"]>[4] = {}): Activate =>
  (builder, { name, shape }, output) =>
    builder.add(op, [name], output, shape, attributes);

/** Clamps to [0, `most`]. */
export const reluUpTo =
  (most: number): Activate =>
  (builder, { name, shape }, output) =>
    builder.add(
      "Clip",
      [name, builder.floats("clip/0", [], [0]), builder.floats(`clip/${most}`, [], [most])],
      output,
      shape,
    );

const swish: Activate = (builder, input, output) => {
  const gate = builder.add("Sigmoid", [input.name], `${output}/gate`, input.shape);
  return builder.add("Mul", [input.name, gate.name], output, input.shape);
};

const activations: Readonly<Record<string, Activate>> = {
  linear: one("Identity"),
  relu: one("Relu"),
  relu6: reluUpTo(6),
  sigmoid: one("Sigmoid"),
  tanh: one("Tanh"),
  elu: one("Elu"),
  selu: one("Selu"),
  softplus: one("Softplus"),
  softmax: one("Softmax", { axis: 1 }),
  hard_sigmoid: one("HardSigmoid", { alpha: float(0.2), beta: float(0.5) }),
  swish,
  silu: swish,
};

/** Applies an activation. Throws a data error with its name if Graft does not support it. */
export function activate(builder: Builder, kind: string, input: Place, output: string): Place {
  const apply = Object.hasOwn(activations, kind) ? activations[kind] : undefined;
  if (!apply) throw dataError(`Graft does not support the activation "${kind}" of "${output}".`);
  return apply(builder, input, output);
}
