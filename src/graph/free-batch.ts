/**
 * Networks exported for a batch of fixed size → the same for any. An exporter that traces a program writes the batch into
 * the constants of Reshape and into tokens that are joined to every picture; both are found by following the batch axis.
 * Whether everything was found is for the caller to verify, with shapes at another batch size.
 */
import { type BatchPlace, batchPlaces } from "./batch-places.ts";
import { type Dataflow, dataflow } from "./dataflow.ts";
import { type Graph, intAttribute, type Node, node as newNode } from "./model.ts";
import type { Shapes } from "./multiply-adds.ts";
import { int64Tensor, type Tensor } from "./tensor.ts";

/** What stands in for one node: others, and the constants that they read. */
interface Replacement {
  readonly nodes: readonly Node[];
  readonly constants: readonly (readonly [name: string, tensor: Tensor])[];
}

/**
 * The graph with its inputs' first dimension free, and the constants that fixed the batch rewritten.
 *
 * The size of the pictures is fixed with it: that which `shapes` is of.
 *
 * @param shapes of every tensor at the batch size that the graph was exported for
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
    // What is declared of the outputs may be the batch too; the runtime infers it anew.
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
  /** The batch's dimension becomes −1, the others what they were: an input of one size has no other shapes. */
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
  /** Constants joined to the pictures (class tokens) are repeated for each of them. */
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
      // Without names, so that they are taken for no part of the network.
      nodes: [
        ...nodes.map((one) => ({ ...one, name: "" })),
        { ...node, inputs: node.inputs.map((input) => repeated.get(input) ?? input) },
      ],
      constants,
    };
  },
};
