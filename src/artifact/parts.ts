/**
 * An artifact taken apart where its pixels are prepared: what resizes and normalises one picture of any size, and what
 * answers batches of prepared ones. Together they compute what the whole does; apart, pictures of different sizes share a batch.
 */
import { dataError } from "../base/errors.ts";
import { cutGraph } from "../graph/cut.ts";
import { lookup } from "../graph/lookup.ts";
import type { Model } from "../graph/model.ts";
import { PIXELS } from "../zoo/backbone.ts";

export interface ArtifactParts {
  /** `image` uint8 `[1, H, W, 3]` → {@link PIXELS} float32, one prepared picture. */
  readonly preparation: Model;
  /** {@link PIXELS} `[N, …]` → the artifact's outputs, all of them. */
  readonly answering: Model;
}

/**
 * Takes an artifact apart. Weights are shared with it, not copied.
 *
 * @throws GraftError (`data`) where nothing in it is called {@link PIXELS}
 */
export function artifactParts(artifact: Model, path: string): ArtifactParts {
  const { graph } = artifact;
  if (!lookup(graph).producer(PIXELS)) {
    throw dataError(
      `${path} has no tensor "${PIXELS}" between preparation and network: train it anew with this Graft.`,
    );
  }
  const pixels = { name: PIXELS, type: "float32" } as const;
  const preparation = cutGraph(graph, [pixels]);
  const rest = graph.nodes.filter(({ outputs }) => !outputs.includes(PIXELS));
  const answering = cutGraph({ ...graph, nodes: rest, inputs: [pixels] }, graph.outputs);
  return { preparation: { ...artifact, graph: preparation }, answering: { ...artifact, graph: answering } };
}
