/** A model that Graft trained, taken as a network again: its own preprocessing, which is in the graph, is taken off. */
import { cutGraph } from "../graph/cut.ts";
import type { Model } from "../graph/model.ts";
import { PIXELS } from "./backbone.ts";
import type { Preprocessing } from "./preprocessing.ts";
import { fromArtifact } from "./preprocessing-metadata.ts";

/** The model from where its prepared pixels come in, with how they are prepared; nothing for models of others. */
export function withoutPreprocessing(
  model: Model,
  source: string,
): { readonly model: Model; readonly preprocessing: Preprocessing } | undefined {
  const preprocessing = fromArtifact(model.metadata, source);
  const { graph } = model;
  if (!preprocessing || !graph.nodes.some(({ outputs }) => outputs.includes(PIXELS))) return undefined;
  const { size, layout } = preprocessing;
  const dims = layout === "nchw" ? ["N", 3, size, size] : ["N", size, size, 3];
  const rest = {
    ...graph,
    nodes: graph.nodes.filter(({ outputs }) => !outputs.includes(PIXELS)),
    inputs: [{ name: PIXELS, type: "float32" as const, dims }],
  };
  return { model: { ...model, graph: cutGraph(rest, graph.outputs) }, preprocessing };
}
