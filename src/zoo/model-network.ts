/**
 * Any ONNX model as a network: brought to the form that Graft works on, its classifier found. What the model does not say is
 * assumed only where it is announced. Where it was read from is its reader's matter (file.ts; web/ in a page).
 */
import { usageError } from "../base/errors.ts";
import { cutGraph } from "../graph/cut.ts";
import { foldConstants } from "../graph/fold-constants.ts";
import type { Model } from "../graph/model.ts";
import { isHalfPrecision, widen } from "../graph/widen.ts";
import { measureShapes } from "../runtime/measure-shapes.ts";
import { anyBatch } from "./any-batch.ts";
import { withoutPreprocessing } from "./artifact-input.ts";
import { findClassifier } from "./classifier/find.ts";
import { type ImageInput, imageInput, takingFloats } from "./image-input.ts";
import type { Network } from "./network.ts";
import { type Preprocessing, type PresetName, preprocessingPresets } from "./preprocessing.ts";
import { fromMetadata } from "./preprocessing-metadata.ts";

export interface ModelOptions {
  /** The tensor where the backbone ends; by default what the classifier reads. */
  readonly cut?: string | undefined;
  /** How pixels become the network's input. Default: what the file says, else `inception`, with `assumedPreprocessing` set. */
  readonly preprocessing?: PresetName | undefined;
}

/** What is assumed of a file that says nothing of its preprocessing. */
export const ASSUMED_PREPROCESSING: PresetName = "inception";

/** The last part of a path or address. */
const nameOf = (source: string): string => source.split(/[\\/]/).at(-1) ?? source;

/**
 * A model as a network, named after its file.
 *
 * @param source the path or address that it was read from
 * @throws GraftError (`usage`) where there is no such tensor; (`data`) where it is no network that Graft can use
 */
export async function networkOf(
  read: Model,
  source: string,
  options: ModelOptions = {},
): Promise<Omit<Network, "sha256">> {
  const own = withoutPreprocessing(read, source);
  const graph = foldConstants((own?.model ?? read).graph);
  const input = imageInput(widen(graph), source);
  const model = { ...read, graph: takingFloats(widen(graph)) };
  const { size, layout } = input;
  const dims = layout === "nchw" ? [input.batch ?? 1, 3, size, size] : [input.batch ?? 1, size, size, 3];
  const shapes = await measureShapes(model, { [model.graph.inputs[0]!.name]: dims });
  // Says so where there is no such tensor.
  if (options.cut !== undefined) cutGraph(model.graph, [{ name: options.cut, type: "float32" }]);
  const { cut, why } =
    options.cut === undefined
      ? findClassifier(model.graph, shapes, source)
      : { cut: options.cut, why: "the tensor that --cut names" };
  const { graph: free, change } = await anyBatch(model, cut, dims, shapes, input.batch === undefined, source);
  const changes = [
    ...(own ? ["It is a model that Graft trained; its preprocessing, which was in the graph, was taken off."] : []),
    ...(isHalfPrecision(graph) ? ["Its weights are in half precision; they were widened to float32."] : []),
    ...(change === undefined ? [] : [change]),
    ...(input.isAnySize ? [`It takes pictures of any size; ${size} × ${size} pixels are assumed.`] : []),
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

/** What the command line says, else the file, else the assumption, which is marked as one. */
function choosePreprocessing(
  { metadata }: Model,
  { size, layout, value }: ImageInput,
  said: PresetName | undefined,
  own: Preprocessing | undefined,
  source: string,
): Chosen {
  const frame = own ?? ({ size, fit: { kind: "stretch" }, interpolation: "bilinear", layout } as const);
  if (value.type === "uint8") {
    if (said !== undefined && said !== "raw") {
      throw usageError(
        `${source} takes pixels from 0 to 255 as they are: leave --preprocessing ${said} out, or say raw.`,
      );
    }
    return {
      preprocessing: { ...frame, ...preprocessingPresets.raw },
      preprocessingFrom: "its input, which is uint8: 0 to 255 as they are, taken to be RGB",
    };
  }
  if (said !== undefined) {
    return { preprocessing: { ...frame, ...preprocessingPresets[said] }, preprocessingFrom: `--preprocessing ${said}` };
  }
  if (own) return { preprocessing: own, preprocessingFrom: "the file's metadata (Graft's own)" };
  const found = fromMetadata(metadata, source);
  if (found) {
    const { from, ...normalisation } = found;
    return { preprocessing: { ...frame, ...normalisation }, preprocessingFrom: from };
  }
  return {
    preprocessing: { ...frame, ...preprocessingPresets[ASSUMED_PREPROCESSING] },
    preprocessingFrom: `an assumption (${ASSUMED_PREPROCESSING}): the file does not say`,
    assumedPreprocessing: true,
  };
}
