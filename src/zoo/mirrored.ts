/**
 * A network asked about each image and its mirror image at once: the batch is doubled behind the pixels, and halved again at the
 * features. What is made of the two answers (their mean, or both side by side) is chosen by the caller.
 */
import { attach } from "../graph/merge.ts";
import { type Graph, type Node, node } from "../graph/model.ts";
import { int64Tensor } from "../graph/tensor.ts";
import { FEATURES, PIXELS } from "./backbone-names.ts";
import type { Preprocessing } from "./preprocessing.ts";

/** The features of both views, `[2N, D]`: the images', then their mirror images'. */
export const FEATURES_OF_VIEWS = "views/features";
/** The pixels of both views, `[2N, …]`. */
export const PIXELS_OF_VIEWS = "views/pixels";

type Frame = Pick<Preprocessing, "layout" | "size">;

/** A network from {@link PIXELS} to {@link FEATURES_OF_VIEWS} → one from {@link PIXELS} to the mean of both views' features. */
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

/** A network from {@link PIXELS} to {@link FEATURES_OF_VIEWS} → one whose features are those of both views, one after the other. */
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

/** Doubles the batch in front of a network: columns of pixels are read backwards for the mirror images. */
function ofBothViews(graph: Graph, { layout, size: width }: Frame): Graph {
  const axis = layout === "nchw" ? 3 : 2;
  const reads = (names: readonly string[]): string[] => names.map((name) => (name === PIXELS ? PIXELS_OF_VIEWS : name));
  return {
    ...graph,
    nodes: [
      // Reading by index has a gradient, which explanations need.
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
