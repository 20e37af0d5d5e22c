/**
 * Builds the ONNX graph of a network that was written for channels last: nodes, constants, the order of layers, and the shape of every
 * tensor, which explicit padding and reshaping need. Maps are `[N, C, H, W]`, vectors `[N, C]`. Knows no layer by name.
 */
import { dataError } from "../../base/errors.ts";
import {
  type AttributeLike,
  float32Tensor,
  type Graph,
  int64Tensor,
  type Node,
  node,
  type Tensor,
} from "../../onnx/model.ts";
import { samePadding } from "../tensorflow-layout.ts";
import type { Weight } from "./tfjs-weights.ts";

/** The shape of a tensor for one image. */
export type Shape =
  | { readonly kind: "map"; readonly height: number; readonly width: number; readonly channels: number }
  | { readonly kind: "vector"; readonly channels: number };

export type MapShape = Extract<Shape, { kind: "map" }>;

/** A tensor of the graph. */
export interface Place {
  readonly name: string;
  readonly shape: Shape;
}

export interface Builder {
  /** Adds a node and returns its output. */
  add(
    op: string,
    inputs: readonly string[],
    output: string,
    shape: Shape,
    attributes?: Readonly<Record<string, AttributeLike>>,
  ): Place;
  floats(name: string, dims: readonly number[], data: Float32Array | readonly number[]): string;
  integers(name: string, values: readonly number[]): string;
  /** A weight by name. Throws a data error if the model does not have it. */
  weight(name: string): Weight;
  /** A weight by name; undefined if the model does not have it. */
  optionalWeight(name: string): Weight | undefined;
  finish(input: Place, outputs: readonly Place[]): Graph;
}

export const dimsOf = (shape: Shape): (number | string)[] =>
  shape.kind === "map" ? ["N", shape.channels, shape.height, shape.width] : ["N", shape.channels];

export function createBuilder(weights: ReadonlyMap<string, Weight>, source: string): Builder {
  const nodes: Node[] = [];
  const initializers = new Map<string, Tensor>();
  const constant = (name: string, tensor: Tensor): string => {
    initializers.set(name, tensor);
    return name;
  };
  return {
    add(op, inputs, output, shape, attributes = {}) {
      nodes.push(node(op, inputs, [output], attributes));
      return { name: output, shape };
    },
    floats: (name, dims, data) => constant(name, float32Tensor(dims, data)),
    integers: (name, values) => constant(name, int64Tensor([values.length], values)),
    weight(name) {
      const weight = weights.get(name);
      if (!weight) throw dataError(`The weight "${name}" is missing from ${source}: download the model again.`);
      return weight;
    },
    optionalWeight: (name) => weights.get(name),
    finish: (input, outputs) => ({
      name: source,
      nodes,
      inputs: [{ name: input.name, type: "float32", dims: dimsOf(input.shape) }],
      outputs: outputs.map(({ name, shape }) => ({ name, type: "float32", dims: dimsOf(shape) })),
      initializers,
    }),
  };
}

/** The shape as a map. Throws a data error for a vector. */
export function mapOf({ name, shape }: Place): MapShape {
  if (shape.kind === "map") return shape;
  throw dataError(`"${name}" is a vector, but a feature map is needed: the model is damaged.`);
}

/** A sliding window, `[height, width]`, with TensorFlow's padding. */
export interface Window {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly padding: "same" | "valid";
}

/** The explicit padding of a window, `[top, left, bottom, right]`, and the size of its output. Throws a data error if it does not fit. */
export function slide(
  { height, width }: MapShape,
  { kernel, strides, dilations, padding }: Window,
): { pads: number[]; height: number; width: number } {
  const [rows, columns] = [height, width].map((size, axis) => {
    const sliding = { size, kernel: kernel[axis]!, stride: strides[axis]!, dilation: dilations[axis]! };
    const [begin, end] = padding === "valid" ? [0, 0] : samePadding(sliding);
    const reach = (sliding.kernel - 1) * sliding.dilation + 1;
    return { begin, end, out: Math.floor((size + begin + end - reach) / sliding.stride) + 1 };
  }) as [Side, Side];
  if (rows.out < 1 || columns.out < 1)
    throw dataError(
      `A window of ${kernel.join(" × ")} does not fit a map of ${height} × ${width}: the model is damaged.`,
    );
  return { pads: [rows.begin, columns.begin, rows.end, columns.end], height: rows.out, width: columns.out };
}

interface Side {
  readonly begin: number;
  readonly end: number;
  readonly out: number;
}

// Sorts layers or nodes so that each follows its inputs.

interface Step {
  readonly name: string;
  /** The names of its inputs. */
  readonly from: readonly string[];
}

/** Sorts steps so that each follows its inputs. Throws a data error for a cycle, a missing or a repeated step. */
export function inOrder<T extends Step>(steps: readonly T[], source: string): T[] {
  const missing = new Map<string, number>();
  const readers = new Map<string, T[]>();
  for (const step of steps) {
    if (missing.has(step.name))
      throw dataError(`${source} has two layers called "${step.name}": the model is damaged.`);
    const from = new Set(step.from);
    missing.set(step.name, from.size);
    for (const name of from) {
      const list = readers.get(name);
      if (list) list.push(step);
      else readers.set(name, [step]);
    }
  }
  const ordered = steps.filter(({ from }) => from.length === 0);
  // The loop appends to the list.
  for (const { name } of ordered) {
    for (const reader of readers.get(name) ?? []) {
      const left = missing.get(reader.name)! - 1;
      missing.set(reader.name, left);
      if (left === 0) ordered.push(reader);
    }
  }
  if (ordered.length < steps.length) {
    const stuck = steps.find(({ name }) => missing.get(name)! > 0)!;
    throw dataError(
      `The layer "${stuck.name}" of ${source} depends on itself or on a missing layer: the model is damaged.`,
    );
  }
  return ordered;
}
