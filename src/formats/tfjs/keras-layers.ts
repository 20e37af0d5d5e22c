/** Converts Keras' layers to ONNX nodes: one row per kind of layer. Outputs are named after their layers. */
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
  reluUpTo,
  reshape,
} from "./tfjs-operations.ts";
import { type Json, listOf, numberOf, numbersOf, textOf } from "./tfjs-weights.ts";

/** A layer to convert. */
export interface Layer {
  readonly name: string;
  readonly config: Readonly<Record<string, Json>>;
  readonly inputs: readonly Place[];
}

type Convert = (builder: Builder, layer: Layer) => Place;

const first = ({ inputs, name }: Layer): Place => {
  if (inputs[0]) return inputs[0];
  throw dataError(`The layer "${name}" has no input: the model is damaged.`);
};

const isSize = (value: number | undefined): value is number => Number.isInteger(value) && value! > 0;

function pair(value: Json, what: string): readonly [number, number] {
  const [height, width] = typeof value === "number" ? [value, value] : numbersOf(value, what);
  if (!isSize(height) || !isSize(width)) throw dataError(`${what} is not a pair of sizes: the model is damaged.`);
  return [height, width];
}

function windowOf({ name, config }: Layer, kernel: readonly [number, number], stride: Json = 1): Window {
  const padding = textOf(config.padding ?? "valid", `the padding of "${name}"`);
  if (padding !== "same" && padding !== "valid")
    throw dataError(`Graft does not support the padding "${padding}" of "${name}".`);
  const format = config.data_format ?? "channels_last";
  if (format !== "channels_last")
    throw dataError(`The layer "${name}" has the data format "${String(format)}"; Graft supports only channels_last.`);
  return {
    kernel,
    strides: pair(config.strides ?? stride, `the strides of "${name}"`),
    dilations: pair(config.dilation_rate ?? 1, `the dilation of "${name}"`),
    padding,
  };
}

const activationOf = ({ name, config }: Layer): string =>
  textOf(config.activation ?? "linear", `the activation of "${name}"`);

/** Calls `make` with another name if an activation follows, so that the final output has the layer's name. */
function withActivation(builder: Builder, layer: Layer, make: (output: string) => Place): Place {
  const kind = activationOf(layer);
  if (kind === "linear") return make(layer.name);
  return activate(builder, kind, make(`${layer.name}/linear`), layer.name);
}

const conv2d: Convert = (builder, layer) => {
  const kernel = builder.weight(`${layer.name}/kernel`);
  const bias = builder.optionalWeight(`${layer.name}/bias`);
  const input = first(layer);
  const group = mapOf(input).channels / (kernel.dims[2] ?? 1);
  return withActivation(builder, layer, (output) =>
    convolve(
      builder,
      layer.name,
      input,
      transposed(kernel, [3, 2, 0, 1]),
      group,
      bias,
      output,
      windowOf(layer, kernelSize(kernel, layer.name)),
    ),
  );
};

const depthwise: Convert = (builder, layer) => {
  const kernel = builder.weight(`${layer.name}/depthwise_kernel`);
  const bias = builder.optionalWeight(`${layer.name}/bias`);
  const input = first(layer);
  return withActivation(builder, layer, (output) =>
    convolve(
      builder,
      layer.name,
      input,
      depthwiseKernel(kernel),
      mapOf(input).channels,
      bias,
      output,
      windowOf(layer, kernelSize(kernel, layer.name)),
    ),
  );
};

const separable: Convert = (builder, layer) => {
  const spatial = builder.weight(`${layer.name}/depthwise_kernel`);
  const pointwise = builder.weight(`${layer.name}/pointwise_kernel`);
  const bias = builder.optionalWeight(`${layer.name}/bias`);
  const input = first(layer);
  const middle = convolve(
    builder,
    layer.name,
    input,
    depthwiseKernel(spatial),
    mapOf(input).channels,
    undefined,
    `${layer.name}/depthwise`,
    windowOf(layer, kernelSize(spatial, layer.name)),
  );
  const point: Window = { kernel: [1, 1], strides: [1, 1], dilations: [1, 1], padding: "valid" };
  return withActivation(builder, layer, (output) =>
    convolve(builder, layer.name, middle, transposed(pointwise, [3, 2, 0, 1]), 1, bias, output, point),
  );
};

const dense: Convert = (builder, layer) => {
  const kernel = builder.weight(`${layer.name}/kernel`);
  const bias = builder.optionalWeight(`${layer.name}/bias`);
  return withActivation(builder, layer, (output) => multiply(builder, layer.name, first(layer), kernel, bias, output));
};

const batchNormalization: Convert = (builder, layer) => {
  const input = first(layer);
  channelAxis(layer, input.shape);
  const { channels } = input.shape;
  const part = (name: string, fallback: number): string => {
    const data = builder.optionalWeight(`${layer.name}/${name}`)?.data ?? new Float32Array(channels).fill(fallback);
    if (data.length !== channels)
      throw dataError(
        `"${layer.name}/${name}" has ${data.length} values for ${channels} channels: the model is damaged.`,
      );
    return builder.floats(`${layer.name}/${name}`, [data.length], data);
  };
  // The statistics are always stored; scale and centre are optional.
  for (const name of ["moving_mean", "moving_variance"]) builder.weight(`${layer.name}/${name}`);
  const inputs = [input.name, part("gamma", 1), part("beta", 0), part("moving_mean", 0), part("moving_variance", 1)];
  return builder.add("BatchNormalization", inputs, layer.name, input.shape, {
    epsilon: float(numberOf(layer.config.epsilon ?? 1e-3, `the epsilon of "${layer.name}"`)),
  });
};

const pool =
  (op: "MaxPool" | "AveragePool"): Convert =>
  (builder, layer) => {
    const kernel = pair(layer.config.pool_size ?? 2, `the window of "${layer.name}"`);
    return poolWindow(builder, op, layer.name, first(layer), windowOf(layer, kernel, kernel));
  };

const globalPool =
  (op: string): Convert =>
  (builder, layer) =>
    poolWhole(builder, op, layer.name, first(layer), layer.config.keepdims === true);

const zeroPadding: Convert = (builder, layer) => {
  const value = layer.config.padding ?? 1;
  const sides = typeof value === "number" ? [value, value] : listOf(value, `the padding of "${layer.name}"`);
  const pads = sides.flatMap((side) =>
    typeof side === "number" ? [side, side] : numbersOf(side, `the padding of "${layer.name}"`),
  );
  return padMap(builder, layer.name, first(layer), pads);
};

const sameShape = (a: Shape, b: Shape): boolean => dimsOf(a).join() === dimsOf(b).join();

const combine =
  (op: string): Convert =>
  (builder, layer) => {
    const [head, ...rest] = layer.inputs;
    if (!head || rest.length === 0)
      throw dataError(`The layer "${layer.name}" combines fewer than two tensors: the model is damaged.`);
    const other = rest.find(({ shape }) => !sameShape(shape, head.shape));
    if (other)
      throw dataError(
        `"${layer.name}" combines "${head.name}" with "${other.name}", of another shape, which Graft does not support.`,
      );
    return rest.reduce(
      (sum, next, i) =>
        builder.add(op, [sum.name, next.name], i === rest.length - 1 ? layer.name : `${layer.name}/${i}`, sum.shape),
      head,
    );
  };

/** Throws a data error if a layer works along an axis other than the channels. */
function channelAxis({ name, config }: Layer, shape: Shape): void {
  // tf.keras writes the axis of a batch normalisation as a list of one.
  const only = Array.isArray(config.axis) && config.axis.length === 1 ? config.axis[0] : config.axis;
  const axis = numberOf(only ?? -1, `the axis of "${name}"`);
  if (axis !== -1 && axis !== (shape.kind === "map" ? 3 : 1))
    throw dataError(`The layer "${name}" works along axis ${axis}; Graft supports only channels, the last axis.`);
}

const concatenate: Convert = (builder, layer) => {
  const { shape } = first(layer);
  channelAxis(layer, shape);
  const channels = layer.inputs.reduce((sum, input) => sum + input.shape.channels, 0);
  return builder.add(
    "Concat",
    layer.inputs.map(({ name }) => name),
    layer.name,
    { ...shape, channels },
    { axis: 1 },
  );
};

const identity: Convert = (builder, layer) =>
  builder.add("Identity", [first(layer).name], layer.name, first(layer).shape);

const layers: Readonly<Record<string, Convert>> = {
  Conv2D: conv2d,
  DepthwiseConv2D: depthwise,
  SeparableConv2D: separable,
  Dense: dense,
  BatchNormalization: batchNormalization,
  BatchNormalizationV1: batchNormalization,
  Activation: (builder, layer) => activate(builder, activationOf(layer), first(layer), layer.name),
  ReLU: (builder, layer) => {
    const most = layer.config.max_value;
    for (const option of ["negative_slope", "threshold"])
      if (layer.config[option])
        throw dataError(`The layer "${layer.name}" is a ReLU with a ${option}, which Graft does not support.`);
    return typeof most === "number"
      ? reluUpTo(most)(builder, first(layer), layer.name)
      : activate(builder, "relu", first(layer), layer.name);
  },
  Softmax: (builder, layer) => {
    const input = first(layer);
    channelAxis(layer, input.shape);
    return activate(builder, "softmax", input, layer.name);
  },
  MaxPooling2D: pool("MaxPool"),
  AveragePooling2D: pool("AveragePool"),
  GlobalAveragePooling2D: globalPool("GlobalAveragePool"),
  GlobalMaxPooling2D: globalPool("GlobalMaxPool"),
  ZeroPadding2D: zeroPadding,
  Add: combine("Add"),
  Multiply: combine("Mul"),
  Maximum: combine("Max"),
  Concatenate: concatenate,
  Flatten: (builder, layer) => reshape(builder, layer.name, first(layer), [-1]),
  Reshape: (builder, layer) =>
    reshape(
      builder,
      layer.name,
      first(layer),
      // Keras writes an inferred size as −1, TensorFlow.js as null.
      listOf(layer.config.target_shape, `the target of "${layer.name}"`).map((size) =>
        size === null ? -1 : numberOf(size, `the target of "${layer.name}"`),
      ),
    ),
  Dropout: identity,
  SpatialDropout2D: identity,
};

/** Converts one layer. Throws a data error with the kind of layer if Graft does not support it. */
export function convertLayer(builder: Builder, className: string, layer: Layer): Place {
  const convert = Object.hasOwn(layers, className) ? layers[className] : undefined;
  if (!convert)
    throw dataError(
      `The layer "${layer.name}" is a ${className}, which Graft does not support: export the network as ONNX.`,
    );
  return convert(builder, layer);
}
