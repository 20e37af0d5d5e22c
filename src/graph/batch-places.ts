/**
 * Where the images of a batch are in every tensor: on an axis of their own, or merged with another, as in transformers that work
 * on `[N × heads, T, D]` or `[T × N, D]`. Derived from the shapes at one batch size, which may be 1.
 */
import { axisThrough } from "./axes.ts";
import type { Dataflow } from "./dataflow.ts";
import type { Graph } from "./model.ts";
import type { Shapes } from "./multiply-adds.ts";
import { elementCount } from "./tensor.ts";

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
