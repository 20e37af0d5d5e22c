/** The rules for arithmetic, activations, means, quantisation, and for concatenation, reshaping, padding and resizing. */
import { RELU, RELU_N1_TO_1, RELU6 } from "../activation.ts";
import type { Conversion } from "../conversion.ts";
import type { Field } from "../flatbuffer.ts";
import { convertedAxis, toChannelsFirst } from "../layout.ts";
import type { Operation, TfliteTensor } from "../read.ts";
import { ADD_OPTIONS, MUL_OPTIONS, type Options, REDUCER_OPTIONS, SOFTMAX_OPTIONS, SUB_OPTIONS } from "../schema.ts";
import { inputOf, integerInput, type Rule } from "./rule.ts";
import { axisOf } from "./shape.ts";

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
