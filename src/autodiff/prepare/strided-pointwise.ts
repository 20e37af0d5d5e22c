/**
 * Rewrites trainable strided 1 × 1 convolutions as a slice and a convolution without strides: ONNX Runtime gathers the input of a
 * strided one pixel by pixel, which takes more than twice as long (ResNet50's shortcuts).
 */

import { type Graph, intAttribute, intsAttribute, type Node } from "../../graph/model.ts";
import type { TensorShape } from "../../graph/tensor.ts";
import { Operations } from "../build/operations.ts";
import { range } from "../build/shape.ts";
import { allTensors, type ShapedGraph, type Shapes } from "../gradients.ts";

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
