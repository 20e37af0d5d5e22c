/** Converts TensorFlow Lite models to ONNX in float32, channels first, with one rule per operator. */
import { dataError } from "../../base/errors.ts";
import { type Model, modelOf, type Value } from "../../onnx/model.ts";
import { type Operation, readTflite, type TfliteGraph, type TfliteTensor } from "./read-tflite.ts";
import {
  addition,
  concatenation,
  dequantisation,
  hardSwish,
  logistic,
  mean,
  multiplication,
  padding,
  quantisation,
  relu,
  relu6,
  reluN1To1,
  reshaping,
  resizeBilinear,
  softmax,
  subtraction,
  tanh,
} from "./tensor-ops.ts";
import { Conversion, convertedDims } from "./tflite-conversion.ts";
import { activated, type Rule } from "./tflite-rule.ts";
import { averagePooling, convolution, depthwiseConvolution, fullyConnected, maxPooling } from "./window-ops.ts";

/** The metadata keys of the mapping from the file's quantised pixels `q` to the model's: `real = scale × (q − zero)`. */
export const INPUT_SCALE = "tflite.input.scale";
export const INPUT_ZERO = "tflite.input.zero";

/**
 * Converts a TensorFlow Lite model (float32, float16, uint8 or int8) to ONNX.
 *
 * The input is called `input`, float32 `[N, C, H, W]`, with the real values that the network was trained on. If the file's input is
 * quantised, the metadata {@link INPUT_SCALE} and {@link INPUT_ZERO} map its pixels to them. Other tensors keep their names (characters
 * other than letters, digits and `_ . / : -` become `_`); those of four dimensions are `[N, C, H, W]`. Quantised weights are dequantised;
 * quantised outputs of operators are clamped to their range, but not rounded.
 *
 * @param source names the file in errors
 * @throws GraftError (`data`) if the file is damaged, does not take exactly one image, or has an operator that Graft does not support
 */
export function convertTflite(bytes: Uint8Array, source: string): Model {
  const tflite = readTflite(bytes, source);
  const { input } = tflite;
  if (input.dims.length !== 4 || input.dims.some((size) => size < 1)) {
    throw dataError(`${source} takes [${input.dims}]: pass a network whose input is an image [N, H, W, C].`);
  }
  const graph = new Conversion(source);
  graph.declareInput(input);
  for (const operation of neededOperations(tflite)) convertOperation(operation, graph);
  const outputs = tflite.outputs.map((tensor) => describe(tensor, graph.read(tensor), input));
  return modelOf(
    {
      name: source,
      nodes: graph.nodes,
      inputs: [describe(input, graph.nameOf(input), input)],
      outputs,
      initializers: graph.initializers,
    },
    inputMetadata(input),
  );
}

function convertOperation(operation: Operation, graph: Conversion): void {
  const rule = rules.get(operation.op);
  if (!rule)
    throw operation.error("is not supported: convert the network to ONNX with another tool and pass that file");
  graph.begin(operation.output);
  const result = rule.convert(operation, graph);
  if (result) graph.finish(operation.output, activated(operation, result, graph));
}

/** The operations that the outputs depend on, in the file's order, without those that only compute shapes. */
function neededOperations({ outputs, operations }: TfliteGraph): Operation[] {
  const needed = new Set(outputs.map(({ index }) => index));
  const kept = operations.toReversed().filter(({ op, inputs, output }) => {
    if (!needed.has(output.index)) return false;
    for (const tensor of inputs.slice(0, rules.get(op)?.reads)) if (tensor) needed.add(tensor.index);
    return true;
  });
  return kept.reverse();
}

/** A tensor of the file as an input or output of the model, with an open batch. */
function describe({ dims }: TfliteTensor, name: string, input: TfliteTensor): Value {
  const [batch, ...rest] = convertedDims(dims);
  if (batch === undefined) return { name, type: "float32", dims: [] };
  return { name, type: "float32", dims: [batch === input.dims[0] ? "N" : undefined, ...rest] };
}

function inputMetadata({ quantisation }: TfliteTensor): Map<string, string> {
  if (quantisation?.scales.length !== 1) return new Map();
  return new Map([
    [INPUT_SCALE, String(quantisation.scales[0])],
    [INPUT_ZERO, String(quantisation.zeros[0])],
  ]);
}

// The rules by TensorFlow Lite's operator. Operators without a rule are refused by name.

export const rules: ReadonlyMap<string, Rule> = new Map([
  ["ADD", addition],
  ["AVERAGE_POOL_2D", averagePooling],
  ["CONCATENATION", concatenation],
  ["CONV_2D", convolution],
  ["DEPTHWISE_CONV_2D", depthwiseConvolution],
  ["DEQUANTIZE", dequantisation],
  ["EXPAND_DIMS", reshaping],
  ["FULLY_CONNECTED", fullyConnected],
  ["HARD_SWISH", hardSwish],
  ["LOGISTIC", logistic],
  ["MAX_POOL_2D", maxPooling],
  ["MEAN", mean],
  ["MUL", multiplication],
  ["PAD", padding],
  ["QUANTIZE", quantisation],
  ["RELU", relu],
  ["RELU6", relu6],
  ["RELU_N1_TO_1", reluN1To1],
  ["RESHAPE", reshaping],
  ["RESIZE_BILINEAR", resizeBilinear],
  ["SOFTMAX", softmax],
  ["SQUEEZE", reshaping],
  ["SUB", subtraction],
  ["TANH", tanh],
]);
