/**
 * Grad-CAM: where in the image the evidence for a class is, by the network's last feature map.
 * Source: Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization", ICCV 2017,
 * arXiv 1610.02391, equations 1 and 2.
 */
import { usageError } from "../base/errors.ts";
import { channelAxes } from "../graph/channels.ts";
import { cutGraph } from "../graph/cut.ts";
import { dataflow } from "../graph/dataflow.ts";
import { lookup } from "../graph/lookup.ts";
import type { Graph } from "../graph/model.ts";
import { measureShapes } from "../runtime/measure-shapes.ts";
import { PIXELS_OF_VIEWS } from "../zoo/mirrored.ts";
import { type Explained, type GradientSession, openGradient, type Slope } from "./gradient.ts";
import type { Heat } from "./heat.ts";

/** A tensor that still has spatial positions. */
export interface FeatureMap {
  readonly tensor: string;
  readonly layout: "nchw" | "nhwc";
}

/** With more weighted layers than this after a map, its positions no longer represent what the prediction is based on. */
const MOST_LAYERS_AFTER = 3;
const weighted = new Set(["Conv", "ConvTranspose", "Gemm", "MatMul"]);

/**
 * Finds the network's last feature map.
 *
 * @param name the network's name in errors
 * @throws GraftError (`usage`) if it has none, as transformers, whose tokens mix
 */
export async function lastFeatureMap(
  { model, input, inputDims, logits }: Explained,
  name: string,
): Promise<FeatureMap> {
  const graph = cutGraph(model.graph, [{ name: logits }]);
  const shapes = await measureShapes({ ...model, graph }, { [input]: [1, ...inputDims] });
  const flow = dataflow(graph);
  const axes = channelAxes(graph, shapes, flow);
  // A network that averages over mirrored views has a batch of two.
  const views = shapes.get(PIXELS_OF_VIEWS)?.dims[0] ?? 1;
  const map = flow.nodes
    .flatMap(({ outputs }) => outputs.slice(0, 1))
    .findLast((tensor) => {
      const { dims = [], type } = shapes.get(tensor) ?? {};
      const channels = axes.get(tensor);
      if (dims.length !== 4 || type !== "float32" || dims[0] !== views) return false;
      if (flow.dependence(tensor) !== "values" || (channels !== 1 && channels !== 3)) return false;
      return dims.reduce((product, size) => product * size, 1) > views * dims[channels]!;
    });
  if (map === undefined || layersAfter(graph, map) > MOST_LAYERS_AFTER)
    throw usageError(
      `${name} has no feature map that keeps spatial positions until the end: explain it with --method integrated-gradients.`,
    );
  return { tensor: map, layout: axes.get(map) === 1 ? "nchw" : "nhwc" };
}

/** The number of layers with weights between the tensor and the output. */
function layersAfter(graph: Graph, tensor: string): number {
  const { consumers } = lookup(graph);
  const seen = new Set(consumers(tensor));
  for (const reader of seen) for (const output of reader.outputs) for (const next of consumers(output)) seen.add(next);
  return [...seen].filter(({ op }) => weighted.has(op)).length;
}

/** Opens a session for Grad-CAM at a feature map. */
export const openGradCam = (explained: Explained, { tensor }: FeatureMap): Promise<GradientSession> =>
  openGradient(explained, tensor);

/**
 * Computes the map of one class: the sum of the feature map's channels, weighted by their mean gradient, with negative values set to 0.
 * Of two views, the second is of the mirrored image: its map is mirrored back and added.
 */
export function camOf({ dims, values, gradient }: Slope, { layout }: FeatureMap): Heat {
  const [views = 1, a = 1, b = 1, c = 1] = dims;
  const [channels, height, width] = layout === "nchw" ? [a, b, c] : [c, a, b];
  const places = height * width;
  const [perChannel, perPlace] = layout === "nchw" ? [places, 1] : [1, channels];
  const heat = new Float64Array(places);
  const positionOf = (place: number, view: number): number =>
    view === 0 ? place : place - (place % width) + (width - 1 - (place % width));
  for (let view = 0; view < views; view++) {
    for (let channel = 0; channel < channels; channel++) {
      const from = view * channels * places + channel * perChannel;
      let weight = 0;
      for (let place = 0; place < places; place++) weight += gradient[from + place * perPlace]!;
      weight /= places;
      for (let place = 0; place < places; place++) {
        const at = positionOf(place, view);
        heat[at] = heat[at]! + weight * values[from + place * perPlace]!;
      }
    }
  }
  return { width, height, values: Float32Array.from(heat, (value) => Math.max(0, value)) };
}
