/**
 * Rewrites trainable convolutions on small maps, such as ResNet's last stage, to channels last: each becomes one large matrix product
 * forward and backward (convolution-columns.ts), where ONNX Runtime would multiply one small matrix per image. Kernels are stored in
 * the layout of the products, so they are not transposed.
 *
 * Measured on ResNet50's last stage (batch 16, `npm run bench -- finetune`): a 3 × 3 convolution takes 40 ms for its three products
 * instead of 57. On maps of 14 × 14 and larger there is no gain.
 */

import { lookup } from "../../onnx/analysis/dataflow.ts";
import {
  asFloat32,
  elementCount,
  float32Tensor,
  type Graph,
  type Node,
  node,
  type Tensor,
  type TensorShape,
} from "../../onnx/model.ts";
import { allTensors, type ShapedGraph, type Shapes } from "../gradients.ts";
import type { Ref } from "../graph-builder.ts";
import { Operations, product, range, sameDims } from "../graph-operations.ts";
import { convolvedLast, isPlain } from "./convolution-columns.ts";

/** The largest small map, in pixels. */
const SMALL = 64;
/** From this many multiply-adds per input or output value on, a convolution is worth the transpositions. */
const DENSE = 300;

/** A graph in which some kernels are stored with channels last. */
export interface WithChannelsLast extends ShapedGraph {
  /** The kernels whose initializers are now `[O, kH, kW, C]`. */
  readonly kernels: ReadonlySet<string>;
}

/** A trainable kernel: its parameter, and the factor `[O, 1]` by which the graph multiplies it if a norm is folded into it. */
interface Kernel {
  readonly parameter: string;
  readonly scale: string | undefined;
}

/**
 * Rewrites a network whose norms are folded (`foldNorms` in prepare.ts). Tensors with other readers keep their names.
 *
 * @param trained names of the parameters that will change
 */
export function channelsLast(graph: Graph, shapes: Shapes, trained: ReadonlySet<string>): WithChannelsLast {
  const build = new Operations(allTensors(graph));
  const layouts = new LayoutCache(build, shapes);
  const kernelOf = kernels(graph, shapes, trained);
  const nodes: Node[] = [];
  const held = new Set<string>();
  const written = (emit: () => void): void => {
    const before = build.nodes.length;
    emit();
    nodes.push(...build.nodes.slice(before));
  };
  for (const node of graph.nodes) {
    build.scope = node.name || node.outputs[0]!;
    const kernel = isWorthIt(node, shapes) ? kernelOf(node) : undefined;
    if (kernel) {
      if (elementCount(spatial(shapes, node.inputs[1]!)) > 1) held.add(kernel.parameter);
      written(() => layouts.computed(node.outputs[0]!, convolved(build, node, kernel, shapes, layouts)));
    } else if (node.inputs.some(layouts.isOnlyLast) && isByElement(node, shapes)) {
      written(() => layouts.computed(node.outputs[0]!, byElement(build, node, shapes, layouts)));
    } else if (node.op === "GlobalAveragePool" && layouts.isOnlyLast(node.inputs[0]!)) {
      written(() => {
        const mean = build.mean(layouts.last(node.inputs[0]!), [1, 2]);
        layouts.computed(node.outputs[0]!, mean);
      });
    } else nodes.push(...node.inputs.flatMap((input) => layouts.first(input)), node);
  }
  nodes.push(...graph.outputs.flatMap(({ name }) => layouts.first(name)));
  const initializers = new Map([...graph.initializers, ...build.initializers]);
  const known = new Map<string, TensorShape>([...shapes, ...build.shapes]);
  for (const name of held) {
    const tensor = toChannelsLast(graph.initializers.get(name)!);
    initializers.set(name, tensor);
    known.set(name, tensor);
  }
  return { graph: { ...graph, nodes, initializers }, shapes: known, kernels: held };
}

const spatial = (shapes: Shapes, tensor: string): readonly number[] => shapes.get(tensor)!.dims.slice(2);

/** Whether a node is a convolution on a small map with enough work to be worth two transpositions. */
function isWorthIt(node: Node, shapes: Shapes): boolean {
  const x = shapes.get(node.inputs[0] ?? "")?.dims ?? [];
  if (!isPlain(node, x) || shapes.get(node.inputs[1]!)?.dims.length !== 4) return false;
  const [out, channels, ...kernel] = shapes.get(node.inputs[1]!)!.dims as [number, number, ...number[]];
  const output = spatial(shapes, node.outputs[0]!);
  return elementCount(output) <= SMALL && (out * channels * product(kernel)) / (out + channels) >= DENSE;
}

/**
 * Finds the kernel of a convolution: a trainable parameter without other readers, used directly or multiplied by one factor per
 * output channel, as folded norms do.
 */
function kernels(
  graph: Graph,
  shapes: Shapes,
  trained: ReadonlySet<string>,
): (convolution: Node) => Kernel | undefined {
  const { producer, consumers } = lookup(graph);
  return ({ inputs }) => {
    const name = inputs[1]!;
    const { dims } = shapes.get(name)!;
    const rowDims = [dims[0]!, elementCount(dims.slice(1))];
    const isOwn = (tensor: string): boolean => consumers(tensor).length === 1;
    if (trained.has(name)) return isOwn(name) ? { parameter: name, scale: undefined } : undefined;
    const shaped = producer(name);
    const scaled = shaped && producer(shaped.inputs[0]!);
    const flat = scaled && producer(scaled.inputs[0]!);
    const parameter = flat?.inputs[0] ?? "";
    const isFolded =
      shaped?.op === "Reshape" &&
      scaled?.op === "Mul" &&
      flat?.op === "Reshape" &&
      sameDims(shapes.get(scaled.outputs[0]!)!.dims, rowDims) &&
      sameDims(shapes.get(scaled.inputs[1]!)!.dims, [dims[0]!, 1]) &&
      sameDims(shapes.get(parameter)!.dims, dims);
    const all = [name, shaped?.inputs[0], scaled?.inputs[0], parameter];
    if (!isFolded || !trained.has(parameter) || !all.every((tensor) => tensor !== undefined && isOwn(tensor))) return;
    return { parameter, scale: scaled.inputs[1]! };
  };
}

/** Applies the scale to the output, which on small maps is smaller than the kernel. */
function convolved(
  build: Operations,
  node: Node,
  { parameter, scale }: Kernel,
  shapes: Shapes,
  layouts: LayoutCache,
): Ref {
  const ref = (name: string): Ref => ({ name, ...shapes.get(name)! });
  const { dims } = shapes.get(parameter)!;
  const channels = dims[0]!;
  const affine = {
    rows: build.reshape(ref(parameter), [channels, elementCount(dims.slice(1))]),
    scale: scale === undefined ? undefined : build.reshape(ref(scale), [channels]),
    bias: node.inputs[2] ? ref(node.inputs[2]) : undefined,
  };
  const output = spatial(shapes, node.outputs[0]!);
  return convolvedLast(build, node, layouts.last(node.inputs[0]!), affine, dims.slice(2), output);
}

/** Element-wise operators. */
const elementwise = new Set(
  "Relu LeakyRelu Clip Sigmoid HardSigmoid HardSwish Tanh Elu Gelu Erf Add Sub Mul Div Identity".split(" "),
);

/** Whether a node is element-wise and its inputs have the shape of its output or are single numbers. */
function isByElement({ op, inputs, outputs }: Node, shapes: Shapes): boolean {
  const dims = shapes.get(outputs[0]!)?.dims ?? [];
  return (
    elementwise.has(op) &&
    dims.length === 4 &&
    inputs.every((input) => {
      const own = shapes.get(input)?.dims;
      return input === "" || (own !== undefined && (sameDims(own, dims) || elementCount(own) === 1));
    })
  );
}

function byElement(build: Operations, node: Node, shapes: Shapes, layouts: LayoutCache): Ref {
  const dims = shapes.get(node.outputs[0]!)!.dims;
  const inputs = node.inputs.map((input) => {
    if (input === "") return undefined;
    const own = shapes.get(input)!;
    return sameDims(own.dims, dims) && elementCount(dims) > 1 ? layouts.last(input) : { name: input, ...own };
  });
  const [n, c, h, w] = dims as [number, number, number, number];
  return build.emit(node.op, inputs, [n, h, w, c], node.attributes, shapes.get(node.outputs[0]!)!.type);
}

/** A kernel [O, C, kH, kW] as [O, kH, kW, C]. */
function toChannelsLast(kernel: Tensor): Tensor {
  const [out, channels, ...size] = kernel.dims as [number, number, ...number[]];
  return float32Tensor([out, ...size, channels], exchanged(asFloat32(kernel), out, channels, product(size)));
}

/** The values of a kernel [O, kH, kW, C] as [O, C, kH, kW]. */
export function toChannelsFirst(values: Float32Array, dims: readonly number[]): Float32Array {
  const [out = 1, channels = 1, ...size] = dims;
  return exchanged(values, out, product(size), channels);
}

/** [O, A, B] → [O, B, A] */
function exchanged(values: Float32Array, out: number, a: number, b: number): Float32Array {
  const result = new Float32Array(values.length);
  for (const o of range(out)) {
    const at = o * a * b;
    for (let i = 0; i < a; i++) for (let j = 0; j < b; j++) result[at + j * a + i] = values[at + i * b + j]!;
  }
  return result;
}

// Tensors in two layouts: channels first `[N, C, H, W]` and channels last `[N, H, W, C]`. A layout is computed when it is first read,
// so that a sequence of layers with channels last needs one transposition at each end.

const TO_LAST = [0, 2, 3, 1];
const TO_FIRST = [0, 3, 1, 2];

/** The layouts of the tensors of one graph. */
export class LayoutCache {
  readonly #build: Operations;
  readonly #shapes: Shapes;
  readonly #last = new Map<string, Ref>();
  /** Tensors that so far exist only with channels last. */
  readonly #onlyLast = new Set<string>();

  constructor(build: Operations, shapes: Shapes) {
    this.#build = build;
    this.#shapes = shapes;
  }

  /** The tensor with channels last; adds a transposition on first use. */
  last(tensor: string): Ref {
    const known = this.#last.get(tensor);
    if (known) return known;
    const made = this.#build.transpose({ name: tensor, ...this.#shapes.get(tensor)! }, TO_LAST);
    this.#last.set(tensor, made);
    return made;
  }

  /** Whether a tensor exists only with channels last. */
  isOnlyLast = (tensor: string): boolean => this.#onlyLast.has(tensor);

  /** Records the channels-last result that replaces a tensor. */
  computed(tensor: string, last: Ref): void {
    this.#last.set(tensor, last);
    this.#onlyLast.add(tensor);
  }

  /** The node that computes a tensor with channels first, if it does not exist yet. */
  first(tensor: string): Node[] {
    if (!this.#onlyLast.delete(tensor)) return [];
    return [node("Transpose", [this.#last.get(tensor)!.name], [tensor], { perm: TO_FIRST })];
  }
}
