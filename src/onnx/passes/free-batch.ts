/**
 * Rewrites networks that were exported for a fixed batch size so that they take any. An exporter that traces a program writes the
 * batch size into the constants of Reshape and into tokens that are concatenated to every image; both are found by following the batch
 * axis. The caller must verify the result with shapes at another batch size.
 */
import { axisThrough } from "../analysis/axes.ts";
import { type Dataflow, dataflow } from "../analysis/dataflow.ts";
import type { Shapes } from "../analysis/multiply-adds.ts";
import {
  elementCount,
  type Graph,
  int64Tensor,
  intAttribute,
  type Node,
  node as newNode,
  type Tensor,
} from "../model.ts";

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

// Where the images of a batch are in every tensor: on an axis of their own, or merged with another, as in transformers that work on
// `[N × heads, T, D]` or `[T × N, D]`. Derived from the shapes at one batch size, which may be 1.

/** The axis that grows with the batch, and how often the whole batch repeats on it: 1, or T on an axis of T × N. */
export interface BatchPlace {
  readonly axis: number;
  readonly outer: number;
}

const before = (dims: readonly number[], axis: number): number => elementCount(dims.slice(0, axis));

/**
 * The batch's place after a Reshape. Elements keep their order, so the number of elements before the batch stays the same. At a
 * batch size of 1 several axes fit: the choice is an axis of size 1, else the next axis if it was split, else the one before.
 */
export function placeAfterReshape(
  from: readonly number[],
  to: readonly number[],
  place: BatchPlace,
  batch: number,
): BatchPlace | undefined {
  const ahead = before(from, place.axis) * place.outer;
  const at = (axis: number): BatchPlace => ({ axis, outer: ahead / before(to, axis) });
  const exact = to.flatMap((_, axis) => (before(to, axis) === ahead ? [axis] : []));
  const own = exact.find((axis) => to[axis] === batch);
  if (own !== undefined) return at(own);
  const [first] = exact;
  if (first !== undefined && batch === 1) {
    const isNextSplit = to[first]! < (from[place.axis + 1] ?? 1);
    return at(isNextSplit || first === 0 ? first : first - 1);
  }
  if (first !== undefined && to[first]! % batch === 0) return at(first);
  const inside = to.findIndex(
    (_, axis) => before(to, axis) < ahead && before(to, axis + 1) >= ahead * batch && ahead % before(to, axis) === 0,
  );
  return inside < 0 ? undefined : at(inside);
}

/** The place of the batch in every tensor that has one, starting at the first axis of the graph's inputs. */
export function batchPlaces(graph: Graph, shapes: Shapes, flow: Dataflow): ReadonlyMap<string, BatchPlace> {
  const places = new Map<string, BatchPlace>(graph.inputs.map(({ name }) => [name, { axis: 0, outer: 1 }]));
  const batch = shapes.get(graph.inputs[0]?.name ?? "")?.dims[0] ?? 1;
  for (const node of flow.nodes) {
    for (const output of node.outputs.filter((name) => flow.dependence(name) === "values")) {
      for (const input of flow.data(node)) {
        const [from, to, place] = [shapes.get(input)?.dims, shapes.get(output)?.dims, places.get(input)];
        if (!from || !to || !place) continue;
        const axis = axisThrough(graph, shapes, node, input, output, place.axis);
        const found =
          node.op === "Reshape"
            ? placeAfterReshape(from, to, place, batch)
            : axis === undefined
              ? undefined
              : { axis, outer: place.outer };
        if (!found) continue;
        places.set(output, found);
        break;
      }
    }
  }
  return places;
}
