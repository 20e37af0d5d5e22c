/**
 * The input of a network that takes pictures: which of the shapes that exporters declare it is, and the network brought
 * to the one that Graft feeds: float32, square, three colours.
 */
import { dataError } from "../base/errors.ts";
import { lookup } from "../graph/lookup.ts";
import { type Graph, node, type Value } from "../graph/model.ts";

/** How a network wants its pictures. */
export interface ImageInput {
  readonly value: Value;
  readonly layout: "nchw" | "nhwc";
  /** The side of the square, in pixels; {@link DEFAULT_SIZE} where the file leaves it open. */
  readonly size: number;
  /** Whether the file leaves the size open. */
  readonly isAnySize: boolean;
  /** The batch that it was exported for; nothing where that is open. */
  readonly batch: number | undefined;
}

/** What networks that take pictures of any size are fed: what nearly all of them were trained on. */
export const DEFAULT_SIZE = 224;
/** The largest side taken, so that a hostile file cannot ask for all memory. */
const MAX_SIZE = 8192;

/**
 * The one image input of a graph.
 *
 * @throws GraftError (`data`) where there is none, or one of a shape or type that Graft does not feed
 */
export function imageInput(graph: Graph, source: string): ImageInput {
  const [value, ...others] = graph.inputs;
  if (!value || others.length > 0 || value.dims?.length !== 4) {
    const found = graph.inputs.map(({ name, dims }) => `${name} [${dims?.map((dim) => dim ?? "?") ?? "?"}]`);
    throw dataError(
      `${source} is not an image network: it must have one input of four dimensions, not ${found.join(", ") || "none"}.`,
    );
  }
  if (value.type !== "float32" && value.type !== "uint8") {
    throw dataError(
      `${source} takes pictures as ${value.type}, which Graft does not feed: export it with a float32 input.`,
    );
  }
  const layout = layoutOf(graph, value);
  if (!layout) {
    throw dataError(
      `${source} does not take pictures of three colours: its input is [${value.dims.map((dim) => dim ?? "?")}].`,
    );
  }
  const [height, width] = (layout === "nchw" ? value.dims.slice(2) : value.dims.slice(1, 3)).map(sizeOf);
  if (height !== undefined && width !== undefined && height !== width) {
    throw dataError(
      `${source} takes pictures of ${width} × ${height} pixels, and Graft feeds squares: export it for square ones.`,
    );
  }
  const size = height ?? width ?? DEFAULT_SIZE;
  if (size > MAX_SIZE)
    throw dataError(`${source} takes pictures of ${size} pixels a side; Graft feeds at most ${MAX_SIZE}.`);
  return { value, layout, size, isAnySize: (height ?? width) === undefined, batch: sizeOf(value.dims[0]) };
}

/** A declared dimension; 0 and −1 are how some exporters write one that is open. */
const sizeOf = (dim: number | string | undefined): number | undefined =>
  typeof dim === "number" && dim > 0 ? dim : undefined;

/** Which axis has the colours: the one of size 3, else what the first layer takes it for. */
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

/** What may come before a network's first layer and leaves every pixel where it is. */
const inPlace = new Set(["Identity", "Cast", "Add", "Sub", "Mul", "Div", "Clip", "Pad"]);

/** A graph whose uint8 input is float32 instead, cast where the network begins: 0 to 255 either way. */
export function takingFloats(graph: Graph): Graph {
  const [value] = graph.inputs;
  if (value?.type !== "uint8") return graph;
  const pixels = `${value.name}/float`;
  return {
    ...graph,
    inputs: [{ ...value, name: pixels, type: "float32" }],
    nodes: [node("Cast", [pixels], [value.name], { to: 2 }), ...graph.nodes],
  };
}
