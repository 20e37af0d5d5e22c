/**
 * For tests of architectures: weights and images from a rule that `bench/reference/parity.py` follows bit for bit, so that networks
 * can be compared across languages without a weight file.
 */
import { fnv1a } from "../../base/random.ts";
import { tensorsRead } from "../../onnx/analysis/dataflow.ts";
import type { Model } from "../../onnx/model.ts";
import { elementCount, float32Tensor, type Tensor } from "../../onnx/model.ts";
import { cutGraph } from "../../onnx/passes/cut-and-merge.ts";
import type { Definition, Dialect } from "./definition.ts";
import { withWeights } from "./definition-weights.ts";

/**
 * `count` numbers `shift + scale · u` for `name`, with u in [−1, 1) a multiple of 2⁻²³: the upper 24 bits of MurmurHash3's finaliser
 * of `hash(name) + i · 0x9e3779b9`. Computed in float64, rounded to float32.
 */
export function numbersOf(name: string, count: number, scale: number, shift: number): Float32Array {
  const numbers = new Float32Array(count);
  let counter = fnv1a(name);
  for (let i = 0; i < count; i++) {
    let x = Math.imul(counter ^ (counter >>> 16), 0x85ebca6b);
    x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35);
    numbers[i] = shift + scale * (((x ^ (x >>> 16)) >>> 8) / 2 ** 23 - 1);
    counter = (counter + 0x9e3779b9) | 0;
  }
  return numbers;
}

/**
 * A parameter by the rule, from its name and shape alone: tokens ±½; shifts, biases and means ±0.1; scales and variances 1 ± ¼;
 * weights ±gain·√(6 / fan in), which at gain 1 keeps the size of the signal through a layer and its ReLU.
 */
export function parityTensor(name: string, dims: readonly number[], gain: number): Tensor {
  const [scale, shift] = spreadOf(name, dims, gain);
  return float32Tensor(dims, numbersOf(name, elementCount(dims), scale, shift));
}

function spreadOf(name: string, dims: readonly number[], gain: number): readonly [scale: number, shift: number] {
  if (/(_token|pos_embed)$/.test(name)) return [0.5, 0];
  if (/\.(bias|running_mean)$/.test(name)) return [0.1, 0];
  if (dims.length < 2) return [0.25, 1];
  return [gain * Math.sqrt(6 / elementCount(dims.slice(1))), 0];
}

/** Every parameter of a definition by the rule. */
export const parityWeights = (definition: Definition, gain: number): Map<string, Tensor> =>
  new Map([...definition.parameters].map(([name, { dims }]) => [name, parityTensor(name, dims, gain)]));

/** The part of a definition that computes `tensors`, as a model with weights by the rule. */
export function parityModel(definition: Definition, tensors: readonly string[], gain: number): Model {
  const graph = cutGraph(
    definition.graph,
    tensors.map((name) => ({ name })),
  );
  const read = new Set(graph.nodes.flatMap(tensorsRead));
  const parameters = new Map([...definition.parameters].filter(([name]) => read.has(name)));
  const part = { ...definition, graph, parameters };
  return withWeights(part, parityWeights(part, gain));
}

/** The images that parity is measured on: `[count, 3, S, S]`, noise in [−1, 1). */
export const parityImages = (count: number, inputSize: number): Float32Array =>
  numbersOf("image", count * 3 * inputSize ** 2, 1, 0);

/** The outputs of another implementation of an architecture, with weights by the rule: `fixtures/*.json`. */
export interface ParityFixture {
  readonly architecture: string;
  readonly dialect: Dialect;
  readonly inputSize: number;
  readonly images: number;
  readonly gain: number;
  /** By `features`, `logits` or the name of a stage (its output): the norm of all values, and some values, evenly spaced. */
  readonly outputs: Readonly<
    Record<string, { readonly dims: readonly number[]; readonly norm: number; readonly values: readonly number[] }>
  >;
}

/** The indices of the values in a fixture with `kept` of `count` values. */
export const keptIndices = (count: number, kept: number): number[] =>
  Array.from({ length: kept }, (_, index) => Math.floor((index * count) / kept));
