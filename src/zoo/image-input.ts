/**
 * The image input of a network: found among the shapes that exporters declare, converted to float32, and opened for batches of any size.
 * Graft feeds square float32 images with three channels.
 */
import { dataError } from "../base/errors.ts";
import { lookup } from "../graph/lookup.ts";
import { type Graph, node, type Value } from "../graph/model.ts";

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
