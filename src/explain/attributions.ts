/**
 * Attributions: where in an image the evidence for a class is, by Grad-CAM on the network's last feature map or by integrated gradients. Drawing
 * them is in heat-overlay.ts.
 */
import { usageError } from "../base/errors.ts";
import { PIXELS_OF_VIEWS } from "../networks/backbone/backbone.ts";
import { channelAxes } from "../onnx/analysis/axes.ts";
import { dataflow, lookup } from "../onnx/analysis/dataflow.ts";
import type { Graph } from "../onnx/model.ts";
import { cutGraph } from "../onnx/passes/cut-and-merge.ts";
import { measureShapes } from "../onnx/session/shapes.ts";
import { type Explained, type GradientSession, openGradient, type Slope } from "./explained-network.ts";
import type { Heat } from "./heat-overlay.ts";

// Grad-CAM. Source: Selvaraju et al., "Grad-CAM: visual explanations from deep networks via gradient-based localization", ICCV 2017, arXiv
// 1610.02391, equations 1 and 2.

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

// Integrated gradients: how much each pixel contributes to a class's logit, compared with a black image. The contributions sum to the
// difference of the two logits (completeness), which measures how exact the integral is.
// Source: Sundararajan, Taly and Yan, "Axiomatic attribution for deep networks", ICML 2017, arXiv 1703.01365, equation 1.

/** Images along the path that go through the network at once. */
const BATCH = 4;
const FEWEST_STEPS = 16;
const MOST_STEPS = 512;
/** The relative completeness error at which the refinement stops. */
export const COMPLETENESS = 0.02;

export interface Attribution {
  /** `[…inputDims]`: each input value's share of the difference. */
  readonly contributions: Float32Array;
  /** The class's logit for the image and for the baseline. */
  readonly logit: number;
  readonly baselineLogit: number;
  /** Intervals along the path. */
  readonly steps: number;
  /** |sum of the contributions − difference of the logits|, relative to the difference. */
  readonly error: number;
}

export const openIntegratedGradients = (explained: Explained): Promise<GradientSession> =>
  openGradient(explained, explained.input, BATCH);

/**
 * Integrates along the straight line from the baseline to the image, by the trapezoidal rule. The number of intervals is doubled
 * (earlier points are reused) until the completeness error is at most 2% or 512 intervals are reached.
 *
 * @param session from {@link openIntegratedGradients}
 * @param pixels `[…inputDims]`, prepared
 * @param baseline the prepared pixels of a black image
 */
export async function integratedGradients(
  session: GradientSession,
  pixels: Float32Array,
  baseline: Float32Array,
  label: number,
): Promise<Attribution> {
  const size = pixels.length;
  const sum = new Float64Array(size);
  const logits = new Map<number, number>();
  /** Adds the gradients at positions along the line (0 the baseline, 1 the image), each with its weight. */
  const add = async (points: readonly (readonly [position: number, weight: number])[]): Promise<void> => {
    for (let first = 0; first < points.length; first += BATCH) {
      const chunk = points.slice(first, first + BATCH);
      const data = new Float32Array(BATCH * size);
      chunk.forEach(([position], i) => {
        for (let j = 0; j < size; j++) data[i * size + j] = baseline[j]! + position * (pixels[j]! - baseline[j]!);
      });
      const { logits: batchLogits, slope } = await session.run(data, label);
      chunk.forEach(([position, weight], i) => {
        logits.set(position, batchLogits[i * session.classes + label]!);
        for (let j = 0; j < size; j++) sum[j] = sum[j]! + weight * slope.gradient[i * size + j]!;
      });
    }
  };
  const attribution = (steps: number): Attribution => {
    const [logit, baselineLogit] = [logits.get(1)!, logits.get(0)!];
    const contributions = Float32Array.from(sum, (total, j) => (total / steps) * (pixels[j]! - baseline[j]!));
    const difference = logit - baselineLogit;
    const error =
      Math.abs(contributions.reduce((a, b) => a + b, 0) - difference) / Math.max(Math.abs(difference), 1e-6);
    return { contributions, logit, baselineLogit, steps, error };
  };
  let steps = FEWEST_STEPS;
  await add([[0, 0.5], [1, 0.5], ...inner(steps, () => true)]);
  let found = attribution(steps);
  while (found.error > COMPLETENESS && steps < MOST_STEPS) {
    steps *= 2;
    await add(inner(steps, (step) => step % 2 === 1));
    found = attribution(steps);
  }
  return found;
}

const inner = (steps: number, wanted: (step: number) => boolean): [position: number, weight: number][] =>
  Array.from({ length: steps - 1 }, (_, i) => i + 1)
    .filter(wanted)
    .map((step) => [step / steps, 1]);

/** Turns contributions `[3, S, S]` or `[S, S, 3]` into a map: the colours of each position summed, negative values set to 0. */
export function heatOf({ contributions }: Attribution, inputDims: readonly number[]): Heat {
  const isFirst = inputDims[0] === 3;
  const [height = 1, width = 1] = isFirst ? inputDims.slice(1) : inputDims;
  const positions = height * width;
  const [perChannel, perPosition] = isFirst ? [positions, 1] : [1, 3];
  const values = Float32Array.from({ length: positions }, (_, position) => {
    let sum = 0;
    for (let channel = 0; channel < 3; channel++) sum += contributions[channel * perChannel + position * perPosition]!;
    return Math.max(0, sum);
  });
  return { width, height, values };
}
