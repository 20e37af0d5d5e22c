/**
 * Folds batch norms with constant statistics into the convolution before them, as arithmetic on the kernel: passes over activations
 * become passes over weights, forward and backward, and the convolution's output need not be kept. Scale, shift and kernel stay
 * separate parameters with the same gradients.
 *
 * Source: Jacob et al., "Quantization and Training of Neural Networks" (arXiv 1712.05877), §3.2.
 */

import { lookup } from "../../graph/lookup.ts";
import { floatAttribute, type Graph, intAttribute, type Node } from "../../graph/model.ts";
import type { TensorShape } from "../../graph/tensor.ts";
import type { Ref } from "../build/builder.ts";
import { Operations } from "../build/operations.ts";
import { product } from "../build/shape.ts";
import { allTensors, type ShapedGraph, type Shapes } from "../gradients.ts";

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
