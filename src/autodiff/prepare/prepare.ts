/**
 * Rewrites a network before it is differentiated: the same function of the same parameters in a form whose gradient is faster. Each
 * rewrite decides from the graph whether it applies. Differentiates nothing itself.
 */
import { lookup } from "../../onnx/analysis/dataflow.ts";
import {
  floatAttribute,
  type Graph,
  intAttribute,
  intsAttribute,
  type Node,
  type TensorShape,
} from "../../onnx/model.ts";
import { allTensors, type ShapedGraph, type Shapes } from "../gradients.ts";
import type { Ref } from "../graph-builder.ts";
import { Operations, product, range } from "../graph-operations.ts";
import { channelsLast, type WithChannelsLast } from "./channels-last.ts";

/**
 * Prepares a network for training.
 *
 * @param shapes of every tensor
 * @param trained names of the parameters that will change
 */
export function prepare(graph: Graph, shapes: Shapes, trained: ReadonlySet<string>): WithChannelsLast {
  const folded = foldNorms(graph, shapes, trained);
  // A kernel that is not a constant of the network was computed from a trainable parameter.
  const changes = (kernel: string): boolean => trained.has(kernel) || !folded.graph.initializers.has(kernel);
  const sliced = sliceStrides(folded.graph, folded.shapes, changes);
  return channelsLast(sliced.graph, sliced.shapes, trained);
}

// Folds batch norms with constant statistics into the convolution before them, as arithmetic on the kernel: passes over activations
// become passes over weights, forward and backward, and the convolution's output need not be kept. Scale, shift and kernel stay
// separate parameters with the same gradients.
// Source: Jacob et al., "Quantization and Training of Neural Networks" (arXiv 1712.05877), §3.2.

/**
 * Folds every batch norm that is the only reader of a trainable convolution. Leaves frozen convolutions alone: their kernels stay
 * constants, which ONNX Runtime prepares.
 *
 * @param trained names of the parameters that will change
 */
export function foldNorms(graph: Graph, shapes: Shapes, trained: ReadonlySet<string>): ShapedGraph {
  const build = new Operations(allTensors(graph));
  const { producer, consumers } = lookup(graph);
  const wanted = new Set(graph.outputs.map(({ name }) => name));
  const replaced = new Map<Node, Node | undefined>();
  for (const norm of graph.nodes) {
    const [x = "", ...statistics] = norm.inputs;
    const conv = producer(x);
    if (norm.op !== "BatchNormalization" || intAttribute(norm, "training_mode", 0) === 1) continue;
    if (conv?.op !== "Conv" || consumers(x).length > 1 || wanted.has(x) || !trained.has(conv.inputs[1]!)) continue;
    if (!statistics.every((name) => graph.initializers.has(name))) continue;
    build.scope = `fold/${norm.name || norm.outputs[0]}`;
    replaced.set(norm, folded(build, conv, norm, shapes));
    replaced.set(conv, undefined);
  }
  const kept = graph.nodes.flatMap((node) => (replaced.has(node) ? (replaced.get(node) ?? []) : node));
  return {
    graph: {
      ...graph,
      nodes: [...build.nodes, ...kept],
      initializers: new Map([...graph.initializers, ...build.initializers]),
    },
    shapes: new Map<string, TensorShape>([...shapes, ...build.shapes]),
  };
}

/** The combined convolution: kernel W s and bias (b − μ) s + β, with s = γ / √(σ² + ε) for each output channel. */
function folded(build: Operations, conv: Node, norm: Node, shapes: Shapes): Node {
  const ref = (name: string): Ref => ({ name, ...shapes.get(name)! });
  const [gamma, beta, mean, variance] = norm.inputs.slice(1).map(ref) as [Ref, Ref, Ref, Ref];
  const deviation = build.unary("Sqrt", build.add(variance, floatAttribute(norm, "epsilon", 1e-5)));
  const scale = build.div(gamma, deviation);
  const kernel = ref(conv.inputs[1]!);
  // As a matrix: ONNX Runtime is slow if a tensor's last axes have size 1.
  const channels = kernel.dims[0]!;
  const rows = build.reshape(kernel, [channels, product(kernel.dims.slice(1))]);
  const scaled = build.reshape(build.mul(rows, build.reshape(scale, [channels, 1])), kernel.dims);
  const bias = conv.inputs[2];
  const shift = bias ? build.sub(ref(bias), mean) : build.neg(mean);
  const both = build.add(build.mul(shift, scale), beta);
  return { ...conv, inputs: [conv.inputs[0]!, scaled.name, both.name], outputs: norm.outputs.slice(0, 1) };
}

// Rewrites trainable strided 1 × 1 convolutions as a slice and a convolution without strides: ONNX Runtime gathers the input of a
// strided one pixel by pixel, which takes more than twice as long (ResNet50's shortcuts).

/** @param isTrained whether a kernel depends on a trainable parameter; frozen convolutions stay unchanged */
export function sliceStrides(graph: Graph, shapes: Shapes, isTrained: (kernel: string) => boolean): ShapedGraph {
  const build = new Operations(allTensors(graph));
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    if (isStridedPointwise(node, shapes) && isTrained(node.inputs[1]!)) {
      build.scope = `strides/${node.name || node.outputs[0]}`;
      const before = build.nodes.length;
      const sliced = everyStride(build, node, shapes);
      nodes.push(...build.nodes.slice(before), sliced);
    } else nodes.push(node);
  }
  return {
    graph: { ...graph, nodes, initializers: new Map([...graph.initializers, ...build.initializers]) },
    shapes: new Map<string, TensorShape>([...shapes, ...build.shapes]),
  };
}

function isStridedPointwise(node: Node, shapes: Shapes): boolean {
  if (node.op !== "Conv") return false;
  const kernel = shapes.get(node.inputs[1]!)!.dims.slice(2);
  const strides = intsAttribute(node, "strides") ?? [];
  const pads = intsAttribute(node, "pads") ?? [];
  return (
    kernel.every((size) => size === 1) &&
    strides.some((stride) => stride > 1) &&
    pads.every((amount) => amount === 0) &&
    intAttribute(node, "group", 1) === 1
  );
}

/** Adds the slice of the pixels that the stride selects, and returns the convolution of it. */
function everyStride(build: Operations, node: Node, shapes: Shapes): Node {
  const name = node.inputs[0]!;
  const x = { name, ...shapes.get(name)! };
  const output = shapes.get(node.outputs[0]!)!.dims.slice(2);
  const axes = range(output.length).map((axis) => axis + 2);
  const seen = build.slice(
    x,
    axes,
    axes.map(() => 0),
    output,
    [...intsAttribute(node, "strides")!],
  );
  const { strides: _, pads: __, auto_pad: ___, ...attributes } = node.attributes;
  return { ...node, inputs: [seen.name, ...node.inputs.slice(1)], attributes };
}
