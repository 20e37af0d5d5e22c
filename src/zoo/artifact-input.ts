/** Removes the preprocessing from the graph of a model that Graft trained, so that it can serve as a network again. */
import { cutGraph } from "../graph/cut.ts";
import type { Model } from "../graph/model.ts";
import { PIXELS } from "./backbone.ts";
import { inputDims, type Preprocessing } from "./preprocessing.ts";
import { fromArtifact } from "./preprocessing-metadata.ts";

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
