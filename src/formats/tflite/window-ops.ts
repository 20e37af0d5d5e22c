/**
 * The rules for convolutions and poolings, which slide a window over an image, and for the fully connected operator. Other operators
 * are in tensor-ops.ts.
 */
import type { AttributeLike } from "../../onnx/model.ts";
import { samePadding } from "../tensorflow-layout.ts";
import type { Operation, TfliteTensor } from "./read-tflite.ts";
import { biasOf, inputOf, inputOfRank, type Rule, weightsOf } from "./tflite-rule.ts";
import {
  CONV_2D_OPTIONS,
  DEPTHWISE_OPTIONS,
  FULLY_CONNECTED_OPTIONS,
  PADDING_SAME,
  POOL_OPTIONS,
} from "./tflite-schema.ts";

interface Sliding {
  readonly padding: number;
  readonly kernel: readonly [height: number, width: number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
}

/** ONNX's attributes for a window over the image `[N, H, W, C]`. */
function windowAttributes(operation: Operation, image: TfliteTensor, sliding: Sliding): Record<string, AttributeLike> {
  const { padding, kernel, strides, dilations } = sliding;
  const [, height, width] = image.dims as readonly [number, number, number, number];
  const all = [...kernel, ...strides, ...dilations, height, width];
  if (all.some((size) => size < 1)) {
    throw operation.error(
      `slides a window of [${kernel}] by [${strides}] over [${image.dims}]: download or export the model again`,
    );
  }
  const [pads0, pads1] = [height, width].map((size, axis) =>
    padding === PADDING_SAME
      ? samePadding({ size, kernel: kernel[axis]!, stride: strides[axis]!, dilation: dilations[axis]! })
      : ([0, 0] as const),
  ) as [readonly [number, number], readonly [number, number]];
  return { kernel_shape: kernel, strides, dilations, pads: [pads0[0], pads1[0], pads0[1], pads1[1]] };
}

interface ConvolutionOptions {
  readonly padding: number;
  readonly strideH: number;
  readonly strideW: number;
  readonly dilationH: number;
  readonly dilationW: number;
}

const slidingOf = (options: ConvolutionOptions, kernel: readonly [number, number]): Sliding => ({
  padding: options.padding,
  kernel,
  strides: [options.strideH, options.strideW],
  dilations: [options.dilationH, options.dilationW],
});

/** A convolution's filter, from the shape of its weights. */
interface Filter {
  readonly outputs: number;
  readonly kernel: readonly [height: number, width: number];
  readonly group: number;
}

/**
 * A convolution of TensorFlow Lite.
 *
 * @param order reorders the axes of its weights to ONNX's, `[C out, C in / groups, H, W]`
 * @param read returns the filter from the shape of the weights and the image's channels; `group` is not an integer if they do not fit
 */
const convolving = (
  schema: typeof CONV_2D_OPTIONS | typeof DEPTHWISE_OPTIONS,
  order: readonly number[],
  read: (dims: readonly [number, number, number, number], channels: number) => Filter,
): Rule => ({
  convert(operation, graph) {
    const options = operation.options(schema);
    const image = inputOfRank(operation, 0, 4);
    const weights = inputOfRank(operation, 1, 4);
    const { outputs, kernel, group } = read(weights.dims as readonly [number, number, number, number], image.dims[3]!);
    if (!Number.isInteger(group) || group < 1) {
      throw operation.error(`has weights [${weights.dims}] for an image [${image.dims}]: export the model again`);
    }
    const value = graph.add(
      "Conv",
      [graph.read(image), weightsOf(operation, graph, weights, order), ...biasOf(operation, graph, outputs)],
      { group, ...windowAttributes(operation, image, slidingOf(options, kernel)) },
    );
    return { value, activation: options.activation };
  },
});

/** Weights `[C out, H, W, C in / groups]`. */
export const convolution: Rule = convolving(CONV_2D_OPTIONS, [0, 3, 1, 2], (dims, channels) => {
  const [outputs, height, width, depth] = dims;
  return { outputs, kernel: [height, width], group: channels / depth };
});

/** Weights `[1, H, W, C out]`; output channel `c × multiplier + m` reads channel `c`, as in ONNX. */
export const depthwiseConvolution: Rule = convolving(DEPTHWISE_OPTIONS, [3, 0, 1, 2], (dims, channels) => {
  const [one, height, width, outputs] = dims;
  const fits = one === 1 && outputs % channels === 0;
  return { outputs, kernel: [height, width], group: fits ? channels : Number.NaN };
});

/** A pooling; padding counts neither for the maximum nor for the mean, as in TensorFlow. */
const pooling = (op: "AveragePool" | "MaxPool", extra: Record<string, AttributeLike>): Rule => ({
  convert(operation, graph) {
    const { padding, filterH, filterW, strideH, strideW, activation } = operation.options(POOL_OPTIONS);
    const image = inputOfRank(operation, 0, 4);
    const { dilations: _, ...attributes } = windowAttributes(operation, image, {
      padding,
      kernel: [filterH, filterW],
      strides: [strideH, strideW],
      dilations: [1, 1],
    });
    return { value: graph.add(op, [graph.read(image)], { ...attributes, ...extra }), activation, range: "kept" };
  },
});

export const averagePooling: Rule = pooling("AveragePool", { count_include_pad: 0 });
export const maxPooling: Rule = pooling("MaxPool", {});

// The fully connected operator.

/** Weights are `[D out, D in]`; the input is read as rows of `D in` numbers, in the file's order. */
export const fullyConnected: Rule = {
  convert(operation, graph) {
    const { activation, weightsFormat } = operation.options(FULLY_CONNECTED_OPTIONS);
    if (weightsFormat !== 0) throw operation.error("has shuffled weights: export the network for any processor");
    const features = inputOf(operation, 0);
    const filter = inputOfRank(operation, 1, 2);
    const [outputs, width] = filter.dims as readonly [number, number];
    const areRows = features.dims.length === 2 && features.dims[1] === width;
    const rows = areRows ? graph.read(features) : graph.shaped(graph.readInFileOrder(features), [1, width]);
    const value = graph.add("Gemm", [rows, weightsOf(operation, graph, filter), ...biasOf(operation, graph, outputs)], {
      transB: 1,
    });
    const flat = operation.output.dims.length === 2;
    return { value: flat ? value : graph.shaped(value, operation.output.dims), activation };
  },
};
