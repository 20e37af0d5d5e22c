/**
 * The rules for arithmetic, activations, means, quantisation, concatenation, reshaping, padding and resizing. Convolutions and
 * poolings are in window-ops.ts.
 */

import type { Field } from "./flatbuffer.ts";
import type { Operation, TfliteTensor } from "./read-tflite.ts";
import { type Conversion, convertedAxis, convertedDims, toChannelsFirst } from "./tflite-conversion.ts";
import { inputOf, inputOfRank, integerInput, RELU, RELU_N1_TO_1, RELU6, type Rule } from "./tflite-rule.ts";
import {
  ADD_OPTIONS,
  CONCATENATION_OPTIONS,
  MUL_OPTIONS,
  type Options,
  REDUCER_OPTIONS,
  RESIZE_BILINEAR_OPTIONS,
  SOFTMAX_OPTIONS,
  SUB_OPTIONS,
} from "./tflite-schema.ts";

/** An operand of an operation whose output has `rank` dimensions; ones are prepended to the dimensions of a constant. */
function operand(operation: Operation, graph: Conversion, tensor: TfliteTensor, rank: number): string {
  if (tensor.dims.length === rank || tensor.dims.length === 0) return graph.read(tensor);
  // Ranks below 4 broadcast the same way in both layouts; with an image, only a constant may have a lower rank.
  if (rank < 4) return graph.read(tensor);
  const placed = rank === 4 && tensor.dims.length < 4 ? graph.place(tensor, toChannelsFirst, 4) : undefined;
  if (placed === undefined) {
    throw operation.error(`combines [${tensor.dims}] with ${rank} dimensions: export it with equal ranks`);
  }
  return placed;
}

/** Elementwise arithmetic of two tensors. */
const arithmetic = (op: "Add" | "Mul" | "Sub", options: Options<{ activation: Field<number> }>): Rule => ({
  convert(operation, graph) {
    const { activation } = operation.options(options);
    const pair = [inputOf(operation, 0), inputOf(operation, 1)];
    const rank = Math.max(...pair.map(({ dims }) => dims.length));
    return {
      value: graph.add(
        op,
        pair.map((tensor) => operand(operation, graph, tensor, rank)),
      ),
      activation,
    };
  },
});

export const addition: Rule = arithmetic("Add", ADD_OPTIONS);
export const multiplication: Rule = arithmetic("Mul", MUL_OPTIONS);
export const subtraction: Rule = arithmetic("Sub", SUB_OPTIONS);

/** A function of each number with a fixed range. */
const bounded = (op: "Sigmoid" | "Tanh"): Rule => ({
  convert: (operation, graph) => ({ value: graph.add(op, [graph.read(inputOf(operation, 0))]), range: "own" }),
});

export const logistic: Rule = bounded("Sigmoid");
export const tanh: Rule = bounded("Tanh");

export const hardSwish: Rule = {
  convert: (operation, graph) => ({ value: graph.add("HardSwish", [graph.read(inputOf(operation, 0))]) }),
};

/** Softmax along the last axis of `beta` times the numbers. */
export const softmax: Rule = {
  convert(operation, graph) {
    const { beta } = operation.options(SOFTMAX_OPTIONS);
    const source = inputOf(operation, 0);
    const axis = axisOf(operation, -1, source.dims.length);
    const value = graph.read(source);
    const scaled = beta === 1 ? value : graph.add("Mul", [value, graph.scalar(beta)]);
    return { value: graph.add("Softmax", [scaled], { axis }), range: "own" };
  },
};

/** The mean over constant axes. */
export const mean: Rule = {
  convert(operation, graph) {
    const { keepDims } = operation.options(REDUCER_OPTIONS);
    const source = inputOf(operation, 0);
    const { length: rank } = source.dims;
    const axes = [...new Set(integerInput(operation, 1).map((axis) => axisOf(operation, axis, rank)))].sort();
    const kept = source.dims.map((_, axis) => convertedAxis(axis, rank)!).filter((axis) => !axes.includes(axis));
    const inOrder = kept.every((axis, position) => position === 0 || axis > kept[position - 1]!);
    if (!keepDims && (!inOrder || operation.output.dims.length === 4)) {
      throw operation.error("removes axes in a way that would reorder the others: export it with keepdims");
    }
    const value = graph.add("ReduceMean", [graph.read(source), graph.integers("axes", axes)], { keepdims: +keepDims });
    return { value, range: "kept" };
  },
};

/** Operators that are only an activation. */
const activating = (activation: number): Rule => ({
  convert: (operation, graph) => ({ value: graph.read(inputOf(operation, 0)), activation }),
});

export const relu: Rule = activating(RELU);
export const reluN1To1: Rule = activating(RELU_N1_TO_1);
export const relu6: Rule = activating(RELU6);

/** Quantisation: for real numbers, only the range matters. */
export const quantisation: Rule = {
  convert: (operation, graph) => ({ value: graph.read(inputOf(operation, 0)), range: "kept" }),
};

/** Dequantisation: the numbers are already real. A constant stays constant. */
export const dequantisation: Rule = {
  convert(operation, graph) {
    const source = inputOf(operation, 0);
    return graph.finishConstant(operation.output, source) ? undefined : { value: graph.read(source) };
  },
};

// Concatenation, reshaping, padding and resizing.

/** The axis in ONNX's layout. Throws a data error if a tensor of this rank has no such axis. */
export function axisOf(operation: Operation, axis: number, rank: number): number {
  const converted = convertedAxis(axis, rank);
  if (converted === undefined)
    throw operation.error(`uses axis ${axis} of ${rank}: download or export the model again`);
  return converted;
}

export const concatenation: Rule = {
  convert(operation, graph) {
    const { axis, activation } = operation.options(CONCATENATION_OPTIONS);
    const values = operation.inputs.map((_, position) => graph.read(inputOf(operation, position)));
    const converted = axisOf(operation, axis, operation.output.dims.length);
    return { value: graph.add("Concat", values, { axis: converted }), activation, range: "kept" };
  },
};

/**
 * Reshape, squeeze and expand: elements keep the file's order. The first dimension stays open for the batch; the others are those that the
 * file declares for the output, so that any operators may compute the shape.
 */
export const reshaping: Rule = {
  reads: 1,
  convert(operation, graph) {
    const source = inputOf(operation, 0);
    const value = graph.readInFileOrder(source);
    const { dims } = operation.output;
    const flat = dims.length === 2 && dims[0] === source.dims[0];
    return { value: flat ? graph.add("Flatten", [value], { axis: 1 }) : graph.shaped(value, dims), range: "kept" };
  },
};

/** Padding with zeros; the amounts are `[rank, 2]`, in the file's order of axes. */
export const padding: Rule = {
  convert(operation, graph) {
    const source = inputOf(operation, 0);
    const { length: rank } = source.dims;
    const amounts = integerInput(operation, 1);
    if (amounts.length !== 2 * rank || amounts.some((amount) => amount < 0)) {
      throw operation.error(
        `pads [${source.dims}] by ${amounts.length} amounts, or by a negative one: download or export the model again`,
      );
    }
    const side = (which: 0 | 1) => convertedDims(source.dims.map((_, axis) => amounts[2 * axis + which]!));
    const value = graph.add("Pad", [graph.read(source), graph.integers("pads", [...side(0), ...side(1)])]);
    return { value, range: "kept" };
  },
};

/** Bilinear resizing to a constant height and width. */
export const resizeBilinear: Rule = {
  convert(operation, graph) {
    const { alignCorners, halfPixelCenters } = operation.options(RESIZE_BILINEAR_OPTIONS);
    const image = inputOfRank(operation, 0, 4);
    const sizes = integerInput(operation, 1);
    if (sizes.length !== 2 || sizes.some((size) => size < 1)) {
      throw operation.error(
        `resizes to ${sizes.length} sizes, or to less than a pixel: download or export the model again`,
      );
    }
    const places = alignCorners ? "align_corners" : halfPixelCenters ? "half_pixel" : "asymmetric";
    const value = graph.add("Resize", [graph.read(image), "", "", graph.integers("sizes", sizes)], {
      mode: "linear",
      coordinate_transformation_mode: places,
      axes: [2, 3],
    });
    return { value, range: "kept" };
  },
};
