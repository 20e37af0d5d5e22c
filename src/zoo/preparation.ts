/** Preprocessing as a separate model, for code that prepares images before it runs the network. */
import { modelOf } from "../graph/model.ts";
import { encodeModelWhole } from "../graph/onnx/write.ts";
import { PIXELS } from "./backbone.ts";
import { type Preprocessing, preprocessingGraph } from "./preprocessing.ts";

/** The bytes of a model from `image` uint8 `[N, H, W, 3]` to {@link PIXELS} float32 `[N, 3, S, S]` or `[N, S, S, 3]`. */
export function preparationModel(preprocessing: Preprocessing): Uint8Array {
  const { nodes, initializers } = preprocessingGraph(preprocessing, "image", PIXELS, "preprocess/");
  const graph = {
    name: "preprocess",
    nodes,
    inputs: [{ name: "image", type: "uint8", dims: ["N", "H", "W", 3] }],
    outputs: [{ name: PIXELS, type: "float32" }],
    initializers,
  } as const;
  return encodeModelWhole(modelOf(graph));
}
