/**
 * Opens a network by its catalogue name or by the path of a file, and describes it without running it. The only way in: everything
 * else is called from here.
 */
import { existsSync } from "node:fs";
import { usageError } from "../base/errors.ts";
import { readBytes, sha256 } from "../base/files.ts";
import { checkedArgument } from "../base/option-schemas.ts";
import { inSentences } from "../base/system-errors.ts";
import { nearest, shown } from "../base/text.ts";
import { multiplyAdds } from "../onnx/analysis/multiply-adds.ts";
import { decodeModel } from "../onnx/codec/read-model.ts";
import type { Model, TensorShape, Value } from "../onnx/model.ts";
import { raiseModel } from "../onnx/session/shapes.ts";
import { shapesOf } from "./backbone/backbone.ts";
import { choosePooling, type Pooling, poolings } from "./backbone/pooling.ts";
import { type StageCost, stagesOf } from "./backbone/stages.ts";
import { type TrainableWeights, trainableWeights } from "./backbone/trainable-weights.ts";
import {
  type CatalogueEntry,
  catalogue,
  type EntryFrom,
  findCatalogueEntry,
  type Source,
} from "./catalogue/catalogue.ts";
import { type ModelOptions, networkOf } from "./imported/model-network.ts";
import { countParameters, type Network } from "./network.ts";
import { isNpmNetworkOnDisk, openNpmNetwork } from "./npm-network.ts";
import { checkedOpenOptions, networkName, type OpenOptions } from "./open-options.ts";
import type { Preprocessing } from "./preprocessing/preprocessing.ts";
import { isHubNetworkOnDisk, openHubNetwork, openWithWeights } from "./pretrained.ts";

/**
 * Opens a network.
 *
 * @param name a name from the catalogue, or the path of an `.onnx` file
 * @throws GraftError (`usage`) if there is no such network or file, or an option does not fit; (`data`) if the file is not a network
 *   that Graft can use; (`work`) if a download fails
 */
export const openNetwork = async (name: string, options: OpenOptions = {}): Promise<Network> =>
  inSentences(() =>
    openChecked(checkedArgument(networkName, name, "The first argument of openNetwork"), checkedOpenOptions(options)),
  );

async function openChecked(name: string, options: OpenOptions): Promise<Network> {
  if (options.weights !== undefined) return openWithWeights(name, options.weights, options);
  const entry = findCatalogueEntry(name);
  if (entry && options.preprocessing !== undefined)
    throw usageError(
      `The preprocessing of ${name} is in the catalogue: leave preprocessing out; it is for .onnx files and your own weights.`,
    );
  if (entry) return openEntry(entry, options);
  if (name.endsWith(".onnx") || existsSync(name)) return openFile(name, options);
  const near = nearest(
    name,
    catalogue.map((row) => row.name),
  );
  throw usageError(
    `Unknown network ${shown(name)}; did you mean ${near.join(", ")}? \`graft networks list\` shows all of them; the path of an .onnx file works too.`,
  );
}

// Networks of the catalogue, by the kind of place that their weights come from.

interface Place<K extends Source["kind"]> {
  open(entry: EntryFrom<K>, options: OpenOptions): Promise<Network>;
  isOnDisk(entry: EntryFrom<K>): boolean | Promise<boolean>;
}

const places: { readonly [K in Source["kind"]]: Place<K> } = {
  npm: { open: openNpmNetwork, isOnDisk: isNpmNetworkOnDisk },
  hub: { open: openHubNetwork, isOnDisk: isHubNetworkOnDisk },
};

const ofKind = ({ source }: CatalogueEntry): Place<Source["kind"]> => places[source.kind] as Place<Source["kind"]>;

/** Opens a network of the catalogue; downloads it if it is not in the cache. */
export const openEntry = (entry: CatalogueEntry, options: OpenOptions = {}): Promise<Network> =>
  ofKind(entry).open(entry, options);

/** Whether a network can be opened offline. */
export const isOnDisk = async (entry: CatalogueEntry): Promise<boolean> => await ofKind(entry).isOnDisk(entry);

// ONNX files.

/** Reads an ONNX file as a model in Graft's operator set, with the SHA-256 of its bytes. Throws a GraftError as {@link openFile}. */
export async function readModelFile(path: string): Promise<{ model: Model; sha256: string }> {
  const bytes = await readBytes(path, path, { missing: "usage" });
  return { model: await raiseModel(decodeModel(bytes, path)), sha256: sha256(bytes) };
}

/**
 * Opens an ONNX file as a network.
 *
 * @throws GraftError (`usage`) if there is no such file or tensor; (`data`) if the file is not a network that Graft can use
 */
export async function openFile(path: string, options: ModelOptions = {}): Promise<Network> {
  const { model: read, sha256 } = await readModelFile(path);
  return { ...(await networkOf(read, path, options)), sha256 };
}

// Descriptions, for `graft networks show` and the studio.

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
  /** How many of how many weight values before the cut can train. */
  readonly trainable: TrainableWeights;
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
    trainable: trainableWeights(model.graph, cut),
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
