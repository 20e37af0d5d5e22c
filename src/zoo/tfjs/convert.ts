/**
 * Converts TensorFlow.js models (`model.json` and its shards) to ONNX in float32, channels first: layers models (Keras) and graph models
 * (TensorFlow).
 */
import { dataError } from "../../base/errors.ts";
import { type Model, modelOf } from "../../graph/model.ts";
import { convertGraphModel } from "./graph-model.ts";
import { isRecord, type Json } from "./json.ts";
import { convertLayersModel } from "./layers-model.ts";
import { type ReadShard, readWeights } from "./weights.ts";

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
