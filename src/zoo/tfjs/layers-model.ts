/** Reads the layers of a Keras model in TensorFlow.js' JSON and builds the ONNX graph in order. */
import { dataError } from "../../base/errors.ts";
import type { Graph } from "../../graph/model.ts";
import { createBuilder, type Place } from "./builder.ts";
import { inOrder } from "./in-order.ts";
import { isRecord, type Json, listOf, numberOf, recordOf, textOf } from "./json.ts";
import { convertLayer } from "./layers.ts";
import type { Weight } from "./weights.ts";

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
