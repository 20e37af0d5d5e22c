/**
 * Runs a network on each image and its mirror image in one pass: the batch is doubled after the pixels and halved again at the
 * features, which become the mean of both views or both side by side.
 */
import { attach } from "../graph/merge.ts";
import { type Graph, type Node, node } from "../graph/model.ts";
import { int64Tensor } from "../graph/tensor.ts";
import { FEATURES, PIXELS } from "./backbone-names.ts";
import type { Preprocessing } from "./preprocessing.ts";

/** The features of both views, `[2N, D]`: first those of the images, then those of their mirror images. */
export const FEATURES_OF_VIEWS = "views/features";
/** The pixels of both views, `[2N, …]`. */
export const PIXELS_OF_VIEWS = "views/pixels";

type Frame = Pick<Preprocessing, "layout" | "size">;

/**
 * Turns a network from {@link PIXELS} to {@link FEATURES_OF_VIEWS} into one from {@link PIXELS} to {@link FEATURES} `[N, D]`, the mean of
 * both views.
 */
export const meanOverViews = (graph: Graph, features: number, frame: Frame): Graph =>
  attach(ofBothViews(graph, frame), {
    ...ending(features, [
      node("Reshape", [FEATURES_OF_VIEWS, "views/apart"], ["views/two"]),
      node("ReduceMean", ["views/two", "views/first"], [FEATURES], { keepdims: 0 }),
    ]),
    initializers: new Map([
      ["views/apart", int64Tensor([3], [2, -1, features])],
      ["views/first", int64Tensor([1], [0])],
    ]),
  });

/**
 * Turns a network from {@link PIXELS} to {@link FEATURES_OF_VIEWS} into one from {@link PIXELS} to {@link FEATURES} `[N, 2D]`, both views
 * side by side.
 */
export const sideBySide = (graph: Graph, features: number, frame: Frame): Graph =>
  attach(ofBothViews(graph, frame), {
    ...ending(2 * features, [
      node("Reshape", [FEATURES_OF_VIEWS, "views/apart"], ["views/two"]),
      node("Transpose", ["views/two"], ["views/beside"], { perm: [1, 0, 2] }),
      node("Reshape", ["views/beside", "views/row"], [FEATURES]),
    ]),
    initializers: new Map([
      ["views/apart", int64Tensor([3], [2, -1, features])],
      ["views/row", int64Tensor([2], [-1, 2 * features])],
    ]),
  });

const ending = (features: number, nodes: readonly Node[]): Graph => ({
  name: "views",
  nodes,
  inputs: [{ name: FEATURES_OF_VIEWS, type: "float32" }],
  outputs: [{ name: FEATURES, type: "float32", dims: ["N", features] }],
  initializers: new Map(),
});

/** Doubles the batch before the network; for the mirror images, columns of pixels are read from right to left. */
function ofBothViews(graph: Graph, { layout, size: width }: Frame): Graph {
  const axis = layout === "nchw" ? 3 : 2;
  const reads = (names: readonly string[]): string[] => names.map((name) => (name === PIXELS ? PIXELS_OF_VIEWS : name));
  return {
    ...graph,
    nodes: [
      // Gather has a gradient, which explanations need.
      node("Gather", [PIXELS, "views/backwards"], ["views/mirrored"], { axis }),
      node("Concat", [PIXELS, "views/mirrored"], [PIXELS_OF_VIEWS], { axis: 0 }),
      ...graph.nodes.map((one) => ({ ...one, inputs: reads(one.inputs) })),
    ],
    initializers: new Map([
      ...graph.initializers,
      [
        "views/backwards",
        int64Tensor(
          [width],
          Array.from({ length: width }, (_, x) => width - 1 - x),
        ),
      ],
    ]),
  };
}
