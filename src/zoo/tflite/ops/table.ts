/** The rules by operator of TensorFlow Lite. Operators without a rule are refused by name. */
import { fullyConnected } from "./dense.ts";
import {
  addition,
  dequantisation,
  hardSwish,
  logistic,
  mean,
  multiplication,
  quantisation,
  relu,
  relu6,
  reluN1To1,
  softmax,
  subtraction,
  tanh,
} from "./numbers.ts";
import type { Rule } from "./rule.ts";
import { concatenation, padding, reshaping, resizeBilinear } from "./shape.ts";
import { averagePooling, convolution, depthwiseConvolution, maxPooling } from "./window.ts";

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
