/** Describes a network without running it, for `graft networks show` and the studio. */

import { multiplyAdds } from "../onnx/analysis/multiply-adds.ts";
import type { TensorShape, Value } from "../onnx/model.ts";
import { shapesOf } from "./backbone/backbone.ts";
import { choosePooling, type Pooling, poolings } from "./backbone/pooling.ts";
import { type StageCost, stagesOf } from "./backbone/stages.ts";
import { countParameters, type Network } from "./network.ts";
import type { Preprocessing } from "./preprocessing/preprocessing.ts";

/** A stage with the shape of its output. */
export interface InspectedStage extends StageCost {
  /** Dimensions of its output for one image, without the batch. */
  readonly shape: readonly number[];
}

export interface Inspection {
  readonly name: string;
  readonly description: string;
  readonly licence: string;
  readonly source: string;
  readonly sha256: string;
  /** The program that wrote the file; null if unknown. */
  readonly producer: string | null;
  /** ONNX's operator set, after the conversion of older ones. */
  readonly opset: number | null;
  readonly nodes: number;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  readonly parameters: number;
  /** For one image of the size in `preprocessing`, with the classifier. */
  readonly multiplyAdds: number;
  readonly preprocessing: Preprocessing;
  readonly preprocessingFrom: string;
  /** Whether the preprocessing is an assumption. */
  readonly assumedPreprocessing: boolean;
  /** The tensor where the backbone ends, the reason for it, and how its values become features. */
  readonly cut: string;
  readonly why: string;
  readonly pooling: Pooling;
  readonly pooled: string;
  readonly features: number;
  readonly stages: readonly InspectedStage[];
  /** What was changed when it was read, one sentence each. */
  readonly changes: readonly string[];
}

/** Inspects a network. Throws a GraftError (`data`) if its shapes cannot be inferred or the values at its cut are not features. */
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
    why: network.why ?? "as defined in the catalogue",
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

/** An output with its dimensions for an image of the network's size. */
function withShape(value: Value, shapes: ReadonlyMap<string, TensorShape>): Value {
  const found = shapes.get(value.name);
  return found ? { name: value.name, type: found.type, dims: ["N", ...found.dims.slice(1)] } : value;
}
