/** What a network is made of, without running it: what `graft networks show` tells. */
import type { Value } from "../graph/model.ts";
import { multiplyAdds } from "../graph/multiply-adds.ts";
import type { TensorShape } from "../graph/tensor.ts";
import { shapesOf } from "./backbone.ts";
import { countParameters, type Network } from "./network.ts";
import { choosePooling, type Pooling, poolings } from "./pooling.ts";
import type { Preprocessing } from "./preprocessing.ts";
import { type StageCost, stagesOf } from "./stages.ts";

/** A stage with what it yields. */
export interface InspectedStage extends StageCost {
  /** Dimensions of its output for one picture, without the batch's. */
  readonly shape: readonly number[];
}

export interface Inspection {
  readonly name: string;
  readonly description: string;
  readonly licence: string;
  readonly source: string;
  readonly sha256: string;
  /** The program that wrote the file, where it says. */
  readonly producer: string | null;
  /** ONNX's operator set, after older ones were raised. */
  readonly opset: number | null;
  readonly nodes: number;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly parameters: number;
  /** For one picture of the size in `preprocessing`, the classifier included. */
  readonly multiplyAdds: number;
  readonly preprocessing: Preprocessing;
  readonly preprocessingFrom: string;
  /** Whether the preprocessing is an assumption. */
  readonly assumedPreprocessing: boolean;
  /** The tensor where the backbone ends, why there, and how its values become features. */
  readonly cut: string;
  readonly why: string;
  readonly pooling: Pooling;
  readonly pooled: string;
  readonly features: number;
  readonly stages: readonly InspectedStage[];
  /** What was changed when it was read, a sentence each. */
  readonly changes: readonly string[];
}

/** Inspects a network. Throws a data error where its shapes cannot be told or its cut yields no features. */
export async function inspect(network: Network): Promise<Inspection> {
  const { model, cut, preprocessing } = network;
  const shapes = await shapesOf(network);
  const { pooling, features, why } = choosePooling(model.graph, shapes, cut, network.name);
  return {
    name: network.name,
    description: network.description,
    licence: network.licence,
    source: network.source,
    sha256: network.sha256,
    producer: model.producer ?? null,
    opset: model.opsets.get("") ?? null,
    nodes: model.graph.nodes.length,
    inputs: model.graph.inputs,
    outputs: model.graph.outputs.map((value) => withShape(value, shapes)),
    parameters: countParameters(model),
    multiplyAdds: multiplyAdds(model.graph, shapes),
    preprocessing,
    preprocessingFrom: network.preprocessingFrom ?? "the catalogue",
    assumedPreprocessing: network.assumedPreprocessing ?? false,
    cut,
    why: network.why ?? "as the catalogue says",
    pooling,
    pooled: `${poolings[pooling].description} (${why})`,
    features,
    stages: stagesOf(model.graph, cut, shapes, network.stages).map((stage) => ({
      ...stage,
      shape: shapes.get(stage.output)?.dims.slice(1) ?? [],
    })),
    changes: network.changes ?? [],
  };
}

/** An output with the dimensions that it has for one picture of the network's size. */
function withShape(value: Value, shapes: ReadonlyMap<string, TensorShape>): Value {
  const found = shapes.get(value.name);
  return found ? { name: value.name, type: found.type, dims: ["N", ...found.dims.slice(1)] } : value;
}
