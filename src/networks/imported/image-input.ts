/**
 * The image input of a network: found among the shapes that exporters declare, converted to float32, and opened for batches of any size.
 * Graft feeds square float32 images with three channels.
 */
import { dataError, GraftError } from "../../base/errors.ts";
import { dataflow, lookup } from "../../onnx/analysis/dataflow.ts";
import type { Shapes } from "../../onnx/analysis/multiply-adds.ts";
import { elementCount, type Graph, type Model, node, type Value } from "../../onnx/model.ts";
import { cutGraph } from "../../onnx/passes/cut-and-merge.ts";
import { freeBatch } from "../../onnx/passes/free-batch.ts";
import { measureShapes } from "../../onnx/session/shapes.ts";

/** The image input of a network. */
export interface ImageInput {
  readonly value: Value;
  readonly layout: "nchw" | "nhwc";
  /** Side of the square, in pixels; {@link DEFAULT_SIZE} if the file leaves it open. */
  readonly size: number;
  /** Whether the file leaves the size open. */
  readonly isAnySize: boolean;
  /** The batch size that it was exported for; undefined if that is open. */
  readonly batch: number | undefined;
}

/** The size for networks that accept any: nearly all of them were trained on it. In pixels. */
export const DEFAULT_SIZE = 224;
/** The largest side, in pixels: a hostile file must not exhaust the memory. */
const MAX_SIZE = 8192;

/**
 * The only input of a graph, if it is an image.
 *
 * @throws GraftError (`data`) if it is not an image, or Graft does not support its shape or type
 */
export function imageInput(graph: Graph, source: string): ImageInput {
  const [value, ...others] = graph.inputs;
  if (!value || others.length > 0 || value.dims?.length !== 4) {
    const found = graph.inputs.map(({ name, dims }) => `${name} [${dims?.map((dim) => dim ?? "?") ?? "?"}]`);
    throw dataError(
      `${source} is not an image network: it must have one input of four dimensions, but has ${found.join(", ") || "none"}.`,
    );
  }
  if (value.type !== "float32" && value.type !== "uint8") {
    throw dataError(
      `${source} takes images as ${value.type}, which Graft does not support: export it with a float32 input.`,
    );
  }
  const layout = layoutOf(graph, value);
  if (!layout) {
    throw dataError(
      `${source} does not take images with three channels: its input is [${value.dims.map((dim) => dim ?? "?")}].`,
    );
  }
  const [height, width] = (layout === "nchw" ? value.dims.slice(2) : value.dims.slice(1, 3)).map(sizeOf);
  if (height !== undefined && width !== undefined && height !== width) {
    throw dataError(
      `${source} takes images of ${width} × ${height} pixels, but Graft needs a square input: export it with one.`,
    );
  }
  const size = height ?? width ?? DEFAULT_SIZE;
  if (size > MAX_SIZE)
    throw dataError(
      `${source} takes images of ${size} × ${size} pixels; Graft supports at most ${MAX_SIZE} × ${MAX_SIZE}.`,
    );
  return { value, layout, size, isAnySize: (height ?? width) === undefined, batch: sizeOf(value.dims[0]) };
}

/** A declared dimension; undefined if it is open, which some exporters write as 0 or −1. */
const sizeOf = (dim: number | string | undefined): number | undefined =>
  typeof dim === "number" && dim > 0 ? dim : undefined;

/** The axis of the channels: the one of size 3, otherwise the one that the first layer reads as channels. */
function layoutOf(graph: Graph, { name, dims = [] }: Value): ImageInput["layout"] | undefined {
  if (dims[1] === 3) return "nchw";
  if (dims[3] === 3) return "nhwc";
  if (sizeOf(dims[1]) !== undefined && sizeOf(dims[3]) !== undefined) return undefined;
  const { consumers } = lookup(graph);
  const pending = [name];
  const seen = new Set<string>();
  for (let tensor = pending.pop(); tensor !== undefined; tensor = pending.pop()) {
    if (seen.has(tensor)) continue;
    seen.add(tensor);
    for (const { op, inputs, outputs, attributes } of consumers(tensor)) {
      if (op === "Conv") return graph.initializers.get(inputs[1] ?? "")?.dims[1] === 3 ? "nchw" : undefined;
      if (op === "Transpose") return String(attributes.perm?.value) === "0,3,1,2" ? "nhwc" : undefined;
      if (inPlace.has(op)) pending.push(...outputs);
    }
  }
  return undefined;
}

/** Operators that may precede a network's first layer and do not move pixels. */
const inPlace = new Set(["Identity", "Cast", "Add", "Sub", "Mul", "Div", "Clip", "Pad"]);

/** The graph with a float32 input in place of a uint8 one, cast at the start; values are 0 to 255 in both. */
export function withFloatInput(graph: Graph): Graph {
  const [value] = graph.inputs;
  if (value?.type !== "uint8") return graph;
  const pixels = `${value.name}/float`;
  return {
    ...graph,
    inputs: [{ ...value, name: pixels, type: "float32" }],
    nodes: [node("Cast", [pixels], [value.name], { to: 2 }), ...graph.nodes],
  };
}

// Batches of any size, computing the same for each image as alone. A network that was exported for one batch size is rewritten; the
// shapes at twice the batch size show whether that worked.

/** A network for batches of any size. */
export interface AnyBatch {
  readonly graph: Graph;
  /** What was changed, as a sentence; absent if nothing was. */
  readonly change?: string | undefined;
}

/**
 * The same network for batches of any size.
 *
 * @param dims of its only input, at the batch size that `shapes` belongs to
 * @param isOpen whether the file declares an open batch dimension
 * @throws GraftError (`data`) if the network works only at the batch size that it was exported for
 */
export async function anyBatch(
  model: Model,
  cut: string,
  dims: readonly number[],
  shapes: Shapes,
  isOpen: boolean,
  source: string,
): Promise<AnyBatch> {
  const until = (graph: Graph): Graph => cutGraph(graph, [{ name: cut, type: "float32" }]);
  const [batch = 1] = dims;
  const batchAtCut = shapes.get(cut)?.dims[0] ?? 0;
  if (isOpen && (await grows(until(model.graph)))) return { graph: model.graph };
  const graph = freeBatch(model.graph, shapes);
  if (await grows(until(graph))) {
    const was = isOpen ? "for one batch size, although its input is open" : `for batches of ${batch}`;
    return { graph, change: `It was exported ${was}, and was rewritten for batches of any size.` };
  }
  throw dataError(
    `${source} works only with batches of ${batch} and could not be rewritten: export it again with a dynamic batch axis.`,
  );

  /** Whether doubling the batch doubles one axis of every tensor that depends on the images, up to the cut. */
  async function grows(part: Graph): Promise<boolean> {
    const doubled = [2 * batch, ...dims.slice(1)];
    const larger = await measureShapes({ ...model, graph: part }, { [part.inputs[0]!.name]: doubled }).catch(onlyGraft);
    if (!larger) return false;
    const flow = dataflow(part);
    const carrying = flow.nodes.flatMap(({ outputs }) => outputs.filter((name) => flow.dependence(name) === "values"));
    const isDoubled = (name: string): boolean => doubles(shapes.get(name)?.dims, larger.get(name)?.dims);
    return carrying.filter((name) => shapes.has(name)).every(isDoubled) && larger.get(cut)?.dims[0] === 2 * batchAtCut;
  }
}

/** Whether one axis has doubled and the others are unchanged; empty tensors stay empty. */
function doubles(once: readonly number[] = [], twice: readonly number[] = []): boolean {
  if (elementCount(once) === 0) return elementCount(twice) === 0;
  const changed = once.filter((size, i) => size !== twice[i]);
  return once.length === twice.length && changed.length === 1 && elementCount(twice) === 2 * elementCount(once);
}

/** Expected: ONNX Runtime refuses a shape. Any other error is a defect. */
function onlyGraft(error: unknown): undefined {
  if (error instanceof GraftError) return undefined;
  throw error;
}
