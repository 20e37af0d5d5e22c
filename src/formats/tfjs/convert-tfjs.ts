/**
 * Converts TensorFlow.js models (`model.json` and its shards) to ONNX in float32, channels first: layers models (Keras) and graph models
 * (TensorFlow).
 */
import { dataError } from "../../base/errors.ts";
import { type Graph, type Model, modelOf } from "../../onnx/model.ts";
import { convertOperation, type Operation } from "./graph-ops.ts";
import { convertLayer } from "./keras-layers.ts";
import { createBuilder, inOrder, type Place } from "./tfjs-builder.ts";
import {
  attributesOf,
  isRecord,
  type Json,
  listOf,
  numberOf,
  type ReadShard,
  readWeights,
  recordOf,
  textOf,
  type Weight,
} from "./tfjs-weights.ts";

/**
 * Converts a network. Tensors keep the names of their layers or nodes. The input is `input` `[N, 3, H, W]`, in the scale that the network
 * was trained on.
 *
 * @param modelJson the text of `model.json`
 * @param readShard reads a file beside it
 * @throws GraftError (`data`) if the model is damaged or has a layer that Graft does not support
 */
export async function convertTfjs(modelJson: string, readShard: ReadShard, source: string): Promise<Model> {
  const json = parse(modelJson, source);
  const topology = isRecord(json) ? json.modelTopology : undefined;
  if (!isRecord(json) || !isRecord(topology)) {
    throw dataError(`${source} is not a TensorFlow.js model: its JSON has no modelTopology.`);
  }
  const weights = await readWeights(json.weightsManifest, readShard, source);
  if (topology.node !== undefined) return modelOf(convertGraphModel(topology, weights, source));
  // Keras' converter wraps the model; TensorFlow.js itself does not.
  return modelOf(convertLayersModel(topology.model_config ?? topology, weights, source));
}

function parse(text: string, source: string): Json {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw dataError(`${source} is not a TensorFlow.js model: its model.json is not JSON.`, error);
  }
}

// Layers models: reads the layers of a Keras model in TensorFlow.js' JSON and builds the ONNX graph in order.

interface LayerEntry {
  readonly name: string;
  readonly className: string;
  readonly config: Readonly<Record<string, Json>>;
  /** The names of its input layers. */
  readonly from: readonly string[];
}

/** Converts the model of `modelTopology.model_config`. The input is called `input`. */
export function convertLayersModel(modelConfig: Json, weights: ReadonlyMap<string, Weight>, source: string): Graph {
  const { layers, outputs } = readTopology(recordOf(modelConfig, `the model of ${source}`), source);
  const builder = createBuilder(weights, source);
  const places = new Map<string, Place>();
  let input: Place | undefined;
  for (const layer of inOrder(layers, source)) {
    if (layer.className === "InputLayer") {
      if (input) throw dataError(`${source} has more than one input, but Graft needs a network with one image input.`);
      input = inputLayer(layer, source);
      places.set(layer.name, input);
      continue;
    }
    const inputs = layer.from.map((name) => places.get(name)!);
    places.set(layer.name, convertLayer(builder, layer.className, { name: layer.name, config: layer.config, inputs }));
  }
  if (!input) throw dataError(`${source} has no input layer: the model is damaged.`);
  return builder.finish(
    input,
    outputs.map((name) => {
      const place = places.get(name);
      if (!place) throw dataError(`${source} has an output "${name}", but no such layer: the model is damaged.`);
      return place;
    }),
  );
}

function inputLayer({ config, name }: LayerEntry, source: string): Place {
  const dims = listOf(
    config.batch_input_shape ?? config.batch_shape,
    `the input shape of "${name}" in ${source}`,
  ).slice(1);
  const [height, width, channels] = dims.map((size) => numberOf(size, `the input size of ${source}`));
  if (!height || !width || channels !== 3)
    throw dataError(`${source} takes [${dims}], not images with three channels and a fixed size.`);
  return { name: "input", shape: { kind: "map", height, width, channels } };
}

function readTopology(
  model: Readonly<Record<string, Json>>,
  source: string,
): { layers: LayerEntry[]; outputs: string[] } {
  const className = textOf(model.class_name, `the kind of model of ${source}`);
  const config = model.config;
  const list = listOf(isRecord(config) ? config.layers : config, `the layers of ${source}`);
  const entries = list.map((value) => readLayer(value, source));
  if (className === "Sequential") return { layers: chain(entries), outputs: [entries.at(-1)?.name ?? ""] };
  const outputs = listOf(recordOf(config, `the configuration of ${source}`).output_layers, `the outputs of ${source}`);
  return {
    layers: entries,
    outputs: outputs.map((output) => textOf(listOf(output, `an output of ${source}`)[0], `an output of ${source}`)),
  };
}

/** Connects the layers of a Sequential model in sequence; the first layer may define the input. */
function chain(entries: readonly LayerEntry[]): LayerEntry[] {
  const head = entries[0];
  const withInput =
    head && head.className !== "InputLayer"
      ? [{ name: "input", className: "InputLayer", config: head.config, from: [] }, ...entries]
      : [...entries];
  return withInput.map((entry, i) => ({ ...entry, from: i === 0 ? [] : [withInput[i - 1]!.name] }));
}

function readLayer(value: Json, source: string): LayerEntry {
  const layer = recordOf(value, `a layer of ${source}`);
  const config = recordOf(layer.config, `a layer's configuration in ${source}`);
  const name = textOf(layer.name ?? config.name, `a layer's name in ${source}`);
  const nodes =
    layer.inbound_nodes === undefined ? [] : listOf(layer.inbound_nodes, `the inputs of "${name}" in ${source}`);
  if (nodes.length > 1)
    throw dataError(`The layer "${name}" of ${source} is used more than once, which Graft does not support.`);
  const from = nodes
    .flatMap((node) => listOf(node, `the inputs of "${name}"`))
    .map((input) => textOf(listOf(input, `an input of "${name}"`)[0], `an input of "${name}"`));
  return { name, className: textOf(layer.class_name, `the kind of layer "${name}"`), config, from };
}

// Graph models: reads the graph of a TensorFlow model in TensorFlow.js' JSON (`modelTopology.node`) and builds the ONNX graph in
// order.

interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly attributes: Readonly<Record<string, Json>>;
  readonly from: readonly string[];
}

/** Converts the graph of `modelTopology`. The input is called `input`; tensors keep the names of their nodes. */
export function convertGraphModel(topology: Json, weights: ReadonlyMap<string, Weight>, source: string): Graph {
  const nodes = listOf(recordOf(topology, `the graph of ${source}`).node, `the nodes of ${source}`).map((value) =>
    readNode(value, source),
  );
  const builder = createBuilder(weights, source);
  const places = new Map<string, Place>();
  const constants = new Map<string, Weight>();
  let input: Place | undefined;
  for (const node of inOrder(nodes, source)) {
    if (node.op === "Placeholder") {
      if (input) throw dataError(`${source} has more than one input, but Graft needs a network with one image input.`);
      input = placeholder(node, source);
      places.set(node.name, input);
    } else if (node.op === "Const") {
      constants.set(node.name, builder.weight(node.name));
    } else {
      const first = node.from[0];
      const constant = first === undefined ? undefined : constants.get(first);
      if (node.op === "Identity" && constant) {
        constants.set(node.name, constant);
        continue;
      }
      const operation: Operation = {
        name: node.name,
        attributes: attributesOf(node.attributes, node.name),
        inputs: node.from.map((name) => places.get(name) ?? constants.get(name)!),
      };
      places.set(node.name, convertOperation(builder, node.op, operation));
    }
  }
  if (!input) throw dataError(`${source} has no input: the model is damaged.`);
  const read = new Set(nodes.flatMap(({ from }) => from));
  const outputs = [...places].filter(([name]) => !read.has(name)).map(([, place]) => place);
  return builder.finish(input, outputs);
}

function readNode(value: Json, source: string): GraphNode {
  const node = recordOf(value, `a node of ${source}`);
  const name = textOf(node.name, `a node's name in ${source}`);
  const from = listOf(node.input ?? [], `the inputs of "${name}"`)
    .map((input) => textOf(input, `an input of "${name}"`))
    // `^name` is a control dependency.
    .filter((input) => !input.startsWith("^"))
    .map((input) => input.replace(/:0$/, ""));
  return {
    name,
    op: textOf(node.op, `the operation of "${name}"`),
    attributes: recordOf(node.attr ?? {}, `the attributes of "${name}"`),
    from,
  };
}

function placeholder({ name, attributes }: GraphNode, source: string): Place {
  const what = `the input shape of "${name}" in ${source}`;
  const dims = listOf(recordOf(recordOf(attributes.shape, what).shape, what).dim, what).map((size) =>
    numberOf(Number(recordOf(size, what).size), what),
  );
  const [, height, width, channels] = dims;
  const isSize = (size: number | undefined): size is number => Number.isInteger(size) && size! > 0;
  if (dims.length !== 4 || !isSize(height) || !isSize(width) || channels !== 3)
    throw dataError(`${source} takes [${dims}], not images with three channels and a fixed size.`);
  return { name: "input", shape: { kind: "map", height, width, channels } };
}
