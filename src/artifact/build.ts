/** Builds an artifact: joins preprocessing, backbone, head and out-of-distribution score into one model. */

import type { Conformal } from "../evaluate/conformal.ts";
import { attach } from "../graph/merge.ts";
import { type Graph, type Model, node } from "../graph/model.ts";
import { float32Tensor } from "../graph/tensor.ts";
import { BACKBONE, backboneModel, type CutShape, FEATURES, PIXELS } from "../zoo/backbone.ts";
import type { Network } from "../zoo/network.ts";
import { preprocessingGraph } from "../zoo/preprocessing.ts";
import { artifactKeys, type Head, IMAGE, LOGITS, type Novelty, PROBABILITIES } from "./contract.ts";
import { noveltyGraph } from "./novelty.ts";

/** Everything that an artifact consists of. */
export interface ArtifactContents {
  readonly network: Network;
  readonly shape: CutShape;
  readonly head: Head;
  readonly classes: readonly string[];
  /** Logits are divided by this before the softmax. */
  readonly temperature: number;
  readonly novelty: Novelty;
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
  const oodScore = noveltyGraph(novelty, shape.features, classes.length);
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
