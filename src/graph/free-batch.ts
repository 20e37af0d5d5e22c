/**
 * Rewrites networks that were exported for a fixed batch size so that they take any. An exporter that traces a program writes the
 * batch size into the constants of Reshape and into tokens that are concatenated to every image; both are found by following the
 * batch axis. The caller must verify the result with shapes at another batch size.
 */
import { type BatchPlace, batchPlaces } from "./batch-places.ts";
import { type Dataflow, dataflow } from "./dataflow.ts";
import { type Graph, intAttribute, type Node, node as newNode } from "./model.ts";
import type { Shapes } from "./multiply-adds.ts";
import { int64Tensor, type Tensor } from "./tensor.ts";

/** The replacement of one node: other nodes, and the constants that they read. */
interface Replacement {
  readonly nodes: readonly Node[];
  readonly constants: readonly (readonly [name: string, tensor: Tensor])[];
}

/**
 * Frees the first dimension of the graph's inputs and rewrites the constants that fix the batch size.
 * The result is fixed to the image size of `shapes`.
 *
 * @param shapes of every tensor at the batch size of the export
 */
export function freeBatch(graph: Graph, shapes: Shapes): Graph {
  const flow = dataflow(graph);
  const batch = batchPlaces(graph, shapes, flow);
  const initializers = new Map(graph.initializers);
  const nodes = flow.nodes.flatMap((node) => {
    const rewrite = Object.hasOwn(rewrites, node.op) ? rewrites[node.op] : undefined;
    const replacement = rewrite?.({ node, shapes, batch, flow });
    for (const [name, tensor] of replacement?.constants ?? []) initializers.set(name, tensor);
    return replacement?.nodes ?? [node];
  });
  const free = <V extends { readonly dims?: readonly unknown[] | undefined }>(value: V): V =>
    value.dims ? { ...value, dims: ["N", ...value.dims.slice(1)] } : value;
  return {
    ...graph,
    nodes,
    initializers,
    inputs: graph.inputs.map(free),
    // The declared output shapes may contain the batch size; the runtime infers them again.
    outputs: graph.outputs.map(({ name, type }) => ({ name, type })),
  };
}

interface Place {
  readonly node: Node;
  readonly shapes: Shapes;
  readonly batch: ReadonlyMap<string, BatchPlace>;
  readonly flow: Dataflow;
}

const rewrites: Readonly<Record<string, (place: Place) => Replacement | undefined>> = {
  /** The batch dimension becomes −1; the others stay, because the image size is fixed. */
  Reshape({ node, shapes, batch, flow }) {
    const output = node.outputs[0]!;
    const [axis, to] = [batch.get(output)?.axis, shapes.get(output)?.dims];
    if (axis === undefined || !to || flow.dependence(node.inputs[1]!) === "values") return undefined;
    const name = `${output}/shape`;
    const shape = to.map((size, i) => (i === axis ? -1 : size));
    return {
      nodes: [{ ...node, inputs: [node.inputs[0]!, name] }],
      constants: [[name, int64Tensor([shape.length], shape)]],
    };
  },
  /** Constants that are concatenated to images (class tokens) are repeated for each image. */
  Concat({ node, shapes, batch, flow }) {
    const data = flow.data(node)[0];
    const output = node.outputs[0]!;
    const axis = data === undefined ? undefined : batch.get(data)?.axis;
    const rank = shapes.get(output)?.dims.length ?? 0;
    const joined = intAttribute(node, "axis", 0);
    const alone = node.inputs.filter((input) => flow.dependence(input) !== "values");
    if (data === undefined || axis === undefined || alone.length === 0 || joined === axis || joined + rank === axis)
      return undefined;
    const prefix = `${output}/batch`;
    const repeated = new Map(alone.map((input, i) => [input, `${prefix}/repeated${i}`]));
    const constants: [string, Tensor][] = [];
    const nodes = [newNode("Shape", [data], [prefix], { start: axis, end: axis + 1 })];
    for (const [input, name] of repeated) {
      const dims = shapes.get(input)?.dims ?? [];
      const [front, back] = [dims.slice(0, axis), dims.slice(axis + 1)];
      constants.push([`${name}/front`, int64Tensor([front.length], front)]);
      constants.push([`${name}/back`, int64Tensor([back.length], back)]);
      nodes.push(
        newNode("Concat", [`${name}/front`, prefix, `${name}/back`], [`${name}/shape`], { axis: 0 }),
        newNode("Slice", [input, `${name}/zero`, `${name}/one`, `${name}/axis`], [`${name}/single`]),
        newNode("Expand", [`${name}/single`, `${name}/shape`], [name]),
      );
      constants.push([`${name}/zero`, int64Tensor([1], [0])]);
      constants.push([`${name}/one`, int64Tensor([1], [1])]);
      constants.push([`${name}/axis`, int64Tensor([1], [axis])]);
    }
    return {
      // Without names, so that they do not count as layers of the network.
      nodes: [
        ...nodes.map((one) => ({ ...one, name: "" })),
        { ...node, inputs: node.inputs.map((input) => repeated.get(input) ?? input) },
      ],
      constants,
    };
  },
};
