/**
 * An artifact's contract and its graph. An artifact is one ONNX file that needs nothing of Graft: raw pixels of any size in;
 * probabilities, logits and features out; class names and provenance in the metadata. Builds graphs and splits them; runs nothing.
 */

import { dataError } from "../base/errors.ts";
import type { Conformal } from "../metrics/conformal.ts";
import { BACKBONE, backboneModel, type CutShape, FEATURES, PIXELS } from "../networks/backbone/backbone.ts";
import type { Network } from "../networks/network.ts";
import { preprocessingGraph } from "../networks/preprocessing/preprocessing.ts";
import { PREPROCESSING_KEY } from "../networks/preprocessing/preprocessing-metadata.ts";
import { lookup } from "../onnx/analysis/dataflow.ts";
import {
  float32Tensor,
  type Graph,
  int64Tensor,
  type Model,
  type Node,
  node,
  rawTensor,
  type Value,
} from "../onnx/model.ts";
import { attach, cutGraph } from "../onnx/passes/cut-and-merge.ts";

/** The artifact's input, uint8 `[N, H, W, 3]`, RGB. */
export const IMAGE = "image";
/** The artifact's outputs besides `features`. */
export const LOGITS = "logits";
export const PROBABILITIES = "probabilities";
/** The output of the out-of-distribution score, float `[N]`: see {@link OodDetector}. */
export const OOD_SCORE = "novelty";

/** Metadata keys of an artifact. */
export const artifactKeys = {
  version: "graft.version",
  classes: "graft.classes",
  preprocessing: PREPROCESSING_KEY,
  network: "graft.network",
  temperature: "graft.temperature",
  novelty: "graft.novelty",
  conformal: "graft.conformal",
} as const;

/** A linear layer on raw features: logits = features · weightsᵀ + bias. */
export interface Head {
  /** `[classes, features]` */
  readonly weights: Float32Array;
  /** `[classes]` */
  readonly bias: Float32Array;
}

/**
 * Decides when an image is unknown. The out-of-distribution score is the sum of two scores, each minus its median over known images and
 * divided by the distance from the median to their 95th percentile. The first is the cosine distance of the image's features to the
 * `neighbours`-th nearest of training images' features (Sun, Ming, Zhu and Li, "Out-of-distribution detection with deep nearest
 * neighbors", ICML 2022, arXiv 2204.06507), which detects what is far from everything; the second the log odds against the top class,
 * which detects what is between classes. Chosen by measurement: `npm run bench -- unknowns`. Artifacts of earlier versions have the
 * distance alone.
 */
export interface OodDetector {
  /** `[M, features]`: features of training images, scaled to length 1, then quantised to 8 bits with one scale per row. */
  readonly bank: Int8Array;
  /** `[M]` */
  readonly scales: Float32Array;
  readonly distance: Units;
  readonly odds: Units;
  readonly rule: OodRule;
}

/** The units of a score, from known images: its median, and the distance from there to the 95th percentile. */
export interface Units {
  readonly median: number;
  readonly spread: number;
}

/** Added to both sides of the log odds, so that they are finite; a lower value would amplify the rounding of probabilities. */
export const LEAST_ODDS = 1e-4;

/** The metadata of {@link OOD_SCORE}. */
export interface OodRule {
  /** An image with a score above this is unknown; {@link MAX_OOD_SCORE} if there were too few images to call any unknown. */
  readonly threshold: number;
  /** The share of images like the training images that is called unknown nevertheless. */
  readonly falseAlarmRate: number;
  readonly neighbours: number;
  /** Images that the threshold was fitted on; those of one group count as one. */
  readonly fittedOn: number;
}

/** No score is above this. */
export const MAX_OOD_SCORE = 1e9;

// Builds the artifact's model.

/** Everything that an artifact consists of. */
export interface ArtifactContents {
  readonly network: Network;
  readonly shape: CutShape;
  readonly head: Head;
  readonly classes: readonly string[];
  /** Logits are divided by this before the softmax. */
  readonly temperature: number;
  readonly novelty: OodDetector;
  readonly conformal: Conformal;
  /** Whether parts of the network were trained, so that its features are specific to this artifact. */
  readonly tuned: boolean;
  readonly graftVersion: string;
}

/** Builds the artifact's model, with its metadata. */
export function buildArtifact(contents: ArtifactContents): Model {
  const { network, shape, head, classes, temperature, novelty, conformal, tuned, graftVersion } = contents;
  const backbone = backboneModel(network, shape);
  const preprocessing = preprocessingGraph(network.preprocessing, IMAGE, PIXELS, "preprocess/");
  const input: Graph = {
    name: "graft",
    nodes: preprocessing.nodes,
    inputs: [{ name: IMAGE, type: "uint8", dims: ["N", "H", "W", 3] }],
    outputs: [],
    initializers: preprocessing.initializers,
  };
  const features = { name: FEATURES, type: "float32", dims: ["N", shape.features] } as const;
  const classifier = attach(attach(input, backbone.graph), headGraph(head, temperature, shape.features));
  const oodScore = oodScoreGraph(novelty, shape.features, classes.length);
  const outputs = [...classifier.outputs, features, ...oodScore.outputs];
  const graph = { ...attach(classifier, oodScore), outputs };
  const metadata = new Map<string, string>([
    [artifactKeys.version, graftVersion],
    [artifactKeys.classes, JSON.stringify(classes)],
    [artifactKeys.preprocessing, JSON.stringify(network.preprocessing)],
    [
      artifactKeys.network,
      JSON.stringify({
        name: network.name,
        sha256: network.sha256,
        licence: network.licence,
        cut: network.cut,
        views: shape.views ?? "plain",
        tuned,
      }),
    ],
    [artifactKeys.temperature, String(temperature)],
    [artifactKeys.novelty, JSON.stringify(novelty.rule)],
    [artifactKeys.conformal, JSON.stringify(conformal)],
  ]);
  return { ...backbone, graph, metadata };
}

/** The head: `features` → {@link PROBABILITIES} and {@link LOGITS}. */
export function headGraph({ weights, bias }: Head, temperature: number, features: number): Graph {
  const classes = bias.length;
  return {
    name: "head",
    nodes: [
      node("Gemm", [FEATURES, "head/weight", "head/bias"], [LOGITS], { transB: 1 }),
      node("Div", [LOGITS, "head/temperature"], ["head/calibrated"]),
      node("Softmax", ["head/calibrated"], [PROBABILITIES], { axis: -1 }),
    ],
    inputs: [{ name: FEATURES, type: "float32", dims: ["N", features] }],
    outputs: [
      { name: PROBABILITIES, type: "float32", dims: ["N", classes] },
      { name: LOGITS, type: "float32", dims: ["N", classes] },
    ],
    initializers: new Map([
      ["head/weight", float32Tensor([classes, features], weights)],
      ["head/bias", float32Tensor([classes], bias)],
      ["head/temperature", float32Tensor([], [temperature])],
    ]),
  };
}

/** The backbone's parameters in an artifact, by their names in the network. */
export function backboneParameters(artifact: Model): ReadonlyMap<string, Uint8Array> {
  const entries = [...artifact.graph.initializers].filter(([name]) => name.startsWith(BACKBONE));
  return new Map(entries.map(([name, { bytes }]) => [name.slice(BACKBONE.length), bytes]));
}

// The graph of the out-of-distribution score.

/** Lower bound of feature lengths, so that features of all zeros are not divided by 0. */
const LEAST_LENGTH = 1e-12;

/** `features` `[N, D]` and `probabilities` `[N, C]` → {@link OOD_SCORE} `[N]`. */
export function oodScoreGraph(
  { bank, scales, distance, odds, rule }: OodDetector,
  features: number,
  classes: number,
): Graph {
  const rows = scales.length;
  const bytes = new Uint8Array(bank.buffer, bank.byteOffset, bank.byteLength);
  return {
    name: "novelty",
    nodes: [
      node("ReduceL2", [FEATURES, "novelty/axis"], ["novelty/lengths"], { keepdims: 1 }),
      node("Max", ["novelty/lengths", "novelty/least"], ["novelty/safe"]),
      node("Div", [FEATURES, "novelty/safe"], ["novelty/units"]),
      node("DequantizeLinear", ["novelty/bank", "novelty/scales"], ["novelty/known"], { axis: 0 }),
      node("Gemm", ["novelty/units", "novelty/known"], ["novelty/similarities"], { transB: 1 }),
      node("TopK", ["novelty/similarities", "novelty/neighbours"], ["novelty/nearest", "novelty/places"], { axis: 1 }),
      node("Gather", ["novelty/nearest", "novelty/last"], ["novelty/similarity"], { axis: 1 }),
      node("Sub", ["novelty/one", "novelty/similarity"], ["novelty/distance"]),
      ...inUnits("novelty/distance", "novelty/far"),
      // The log odds against the top class.
      node("ReduceMax", [PROBABILITIES, "novelty/axis"], ["novelty/top"], { keepdims: 0 }),
      node("Sub", ["novelty/one", "novelty/top"], ["novelty/others"]),
      node("Add", ["novelty/others", "novelty/leastOdds"], ["novelty/against"]),
      node("Add", ["novelty/top", "novelty/leastOdds"], ["novelty/for"]),
      node("Div", ["novelty/against", "novelty/for"], ["novelty/ratio"]),
      node("Log", ["novelty/ratio"], ["novelty/odds"]),
      ...inUnits("novelty/odds", "novelty/between"),
      node("Add", ["novelty/far", "novelty/between"], [OOD_SCORE]),
    ],
    inputs: [
      { name: FEATURES, type: "float32", dims: ["N", features] },
      { name: PROBABILITIES, type: "float32", dims: ["N", classes] },
    ],
    outputs: [{ name: OOD_SCORE, type: "float32", dims: ["N"] }],
    initializers: new Map([
      ["novelty/axis", int64Tensor([1], [1])],
      ["novelty/least", float32Tensor([], [LEAST_LENGTH])],
      ["novelty/bank", rawTensor("int8", [rows, features], bytes)],
      ["novelty/scales", float32Tensor([rows], scales)],
      ["novelty/neighbours", int64Tensor([1], [rule.neighbours])],
      ["novelty/last", int64Tensor([], [rule.neighbours - 1])],
      ["novelty/one", float32Tensor([], [1])],
      ["novelty/leastOdds", float32Tensor([], [LEAST_ODDS])],
      ["novelty/distance/median", float32Tensor([], [distance.median])],
      ["novelty/distance/spread", float32Tensor([], [distance.spread])],
      ["novelty/odds/median", float32Tensor([], [odds.median])],
      ["novelty/odds/spread", float32Tensor([], [odds.spread])],
    ]),
  };
}

/** A score minus its median, in units of its spread. */
const inUnits = (score: string, output: string): Node[] => [
  node("Sub", [score, `${score}/median`], [`${output}/shifted`]),
  node("Div", [`${output}/shifted`, `${score}/spread`], [output]),
];

// Splits an artifact at the end of its preprocessing: a preparation that turns one image of any size into a fixed shape, and a
// predictor of batches of them. Together they compute what the artifact computes; apart, images of different sizes share a batch.

export interface ArtifactParts {
  /** The tensor between the two models. */
  readonly seam: string;
  /** `image` uint8 `[1, H, W, 3]` → the seam, for one image. */
  readonly preparation: Model;
  /** The seam `[N, …]` → all outputs of the artifact. */
  readonly predictor: Model;
}

/**
 * Where to split: before the network, where pixels are {@link PIXELS}, normalised float32; or where they are resized and still uint8,
 * which takes a quarter of the memory.
 */
export type Seam = "normalised" | "resized";

/**
 * Splits an artifact. The parts share its weights.
 *
 * @throws GraftError (`data`) if it has no such seam
 */
export function artifactParts(artifact: Model, path: string, at: Seam = "normalised"): ArtifactParts {
  const { graph } = artifact;
  const seam = seams[at](graph);
  if (!seam)
    throw dataError(
      `${path} has no tensor between preprocessing and network: train it again with this version of Graft.`,
    );
  const preparation = cutGraph(graph, [seam]);
  const rest = graph.nodes.filter(({ outputs }) => !outputs.includes(seam.name));
  const predictor = cutGraph({ ...graph, nodes: rest, inputs: [seam] }, graph.outputs);
  return {
    seam: seam.name,
    preparation: { ...artifact, graph: preparation },
    predictor: { ...artifact, graph: predictor },
  };
}

const seams: Readonly<Record<Seam, (graph: Graph) => Value | undefined>> = {
  normalised: (graph) => (lookup(graph).producer(PIXELS) ? { name: PIXELS, type: "float32" } : undefined),
  resized(graph) {
    const { producer } = lookup(graph);
    // Walks back from the network to the cast from uint8 to float.
    let node = producer(PIXELS);
    while (node && node.op !== "Cast") node = producer(node.inputs[0]!);
    return node && { name: node.inputs[0]!, type: "uint8" };
  },
};
