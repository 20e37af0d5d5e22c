/**
 * Turns any ONNX model into a network: converts it to the form that Graft works with and finds its classifier. What the model does
 * not state is assumed, and the assumption is reported. Files are read elsewhere.
 */
import { usageError } from "../../base/errors.ts";
import type { Model } from "../../onnx/model.ts";
import { cutGraph } from "../../onnx/passes/cut-and-merge.ts";
import { foldConstants, isHalfPrecision, widen } from "../../onnx/passes/simplify.ts";
import { measureShapes } from "../../onnx/session/shapes.ts";
import { PIXELS } from "../backbone/backbone.ts";
import type { Network } from "../network.ts";
import {
  inputDims,
  type Preprocessing,
  type PresetName,
  preprocessingPresets,
} from "../preprocessing/preprocessing.ts";
import { fromArtifact, fromMetadata } from "../preprocessing/preprocessing-metadata.ts";
import { findClassifier } from "./find-classifier.ts";
import { anyBatch, type ImageInput, imageInput, withFloatInput } from "./image-input.ts";

export interface ModelOptions {
  /** The tensor where the backbone ends. Default: what the classifier reads. */
  readonly cut?: string | undefined;
  /** How pixels become the network's input. Default: the file's metadata, otherwise `inception`, with `assumedPreprocessing` set. */
  readonly preprocessing?: PresetName | undefined;
}

/** The preprocessing that is assumed if a file does not state one. */
export const ASSUMED_PREPROCESSING: PresetName = "inception";

/** The last part of a path or URL. */
const nameOf = (source: string): string => source.split(/[\\/]/).at(-1) ?? source;

/**
 * A model as a network, named after its file.
 *
 * @param source the path or URL that it was read from
 * @throws GraftError (`usage`) if the cut is not a tensor of it; (`data`) if it is not a network that Graft can use
 */
export async function networkOf(
  read: Model,
  source: string,
  options: ModelOptions = {},
): Promise<Omit<Network, "sha256">> {
  const own = withoutPreprocessing(read, source);
  const graph = foldConstants((own?.model ?? read).graph);
  const input = imageInput(widen(graph), source);
  const model = { ...read, graph: withFloatInput(widen(graph)) };
  const { size } = input;
  const dims = inputDims(input, input.batch ?? 1);
  const shapes = await measureShapes(model, { [model.graph.inputs[0]!.name]: dims });
  // Throws if there is no such tensor.
  if (options.cut !== undefined) cutGraph(model.graph, [{ name: options.cut, type: "float32" }]);
  const { cut, why } =
    options.cut === undefined
      ? findClassifier(model.graph, shapes, source)
      : { cut: options.cut, why: "the tensor that --cut names" };
  const { graph: free, change } = await anyBatch(model, cut, dims, shapes, input.batch === undefined, source);
  const changes = [
    ...(own ? ["It is a model that Graft trained; the preprocessing in its graph was removed."] : []),
    ...(isHalfPrecision(graph) ? ["Its weights are in half precision; they were converted to float32."] : []),
    ...(change === undefined ? [] : [change]),
    ...(input.isAnySize ? [`It takes images of any size; ${size} × ${size} pixels are assumed.`] : []),
  ];
  return {
    name: nameOf(source),
    description: `The network in ${nameOf(source)}.`,
    licence: "unknown (see where the file came from)",
    source: nameOf(source),
    model: { ...model, graph: free },
    ...choosePreprocessing(read, input, options.preprocessing, own?.preprocessing, source),
    cut,
    cuts: options.cut === undefined ? undefined : [],
    why,
    changes: changes.length > 0 ? changes : undefined,
  };
}

type Chosen = Pick<Network, "preprocessing" | "preprocessingFrom" | "assumedPreprocessing">;

/** The preset that the caller names, otherwise the file's preprocessing, otherwise the assumption, marked as one. */
function choosePreprocessing(
  { metadata }: Model,
  { size, layout, value }: ImageInput,
  preset: PresetName | undefined,
  own: Preprocessing | undefined,
  source: string,
): Chosen {
  const frame = own ?? ({ size, fit: { kind: "stretch" }, interpolation: "bilinear", layout } as const);
  if (value.type === "uint8") {
    if (preset !== undefined && preset !== "raw") {
      throw usageError(
        `${source} takes unchanged pixels from 0 to 255: leave --preprocessing ${preset} out, or pass raw.`,
      );
    }
    return {
      preprocessing: { ...frame, ...preprocessingPresets.raw },
      preprocessingFrom: "its uint8 input: unchanged pixels from 0 to 255, assumed to be RGB",
    };
  }
  if (preset !== undefined) {
    return {
      preprocessing: { ...frame, ...preprocessingPresets[preset] },
      preprocessingFrom: `--preprocessing ${preset}`,
    };
  }
  if (own) return { preprocessing: own, preprocessingFrom: "the file's metadata (Graft's own)" };
  const found = fromMetadata(metadata, source);
  if (found) {
    const { from, ...normalisation } = found;
    return { preprocessing: { ...frame, ...normalisation }, preprocessingFrom: from };
  }
  return {
    preprocessing: { ...frame, ...preprocessingPresets[ASSUMED_PREPROCESSING] },
    preprocessingFrom: `an assumption (${ASSUMED_PREPROCESSING}): the file does not state it`,
    assumedPreprocessing: true,
  };
}

// Models that Graft trained: without the preprocessing in their graph, they serve as networks again.

/** The model from its preprocessed pixels on, with its preprocessing; undefined if Graft did not train it. */
export function withoutPreprocessing(
  model: Model,
  source: string,
): { readonly model: Model; readonly preprocessing: Preprocessing } | undefined {
  const preprocessing = fromArtifact(model.metadata, source);
  const { graph } = model;
  if (!preprocessing || !graph.nodes.some(({ outputs }) => outputs.includes(PIXELS))) return undefined;
  const dims = ["N", ...inputDims(preprocessing, 1).slice(1)];
  const rest = {
    ...graph,
    nodes: graph.nodes.filter(({ outputs }) => !outputs.includes(PIXELS)),
    inputs: [{ name: PIXELS, type: "float32" as const, dims }],
  };
  return { model: { ...model, graph: cutGraph(rest, graph.outputs) }, preprocessing };
}
