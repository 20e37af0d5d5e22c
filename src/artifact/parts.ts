/**
 * An artifact taken apart where its pixels are prepared: what makes one picture of any size fit, and what answers batches of such.
 * Together they compute what the whole does; apart, pictures of different sizes share a batch.
 */
import { dataError } from "../base/errors.ts";
import { cutGraph } from "../graph/cut.ts";
import { lookup } from "../graph/lookup.ts";
import type { Graph, Model, Value } from "../graph/model.ts";
import { PIXELS } from "../zoo/backbone.ts";

export interface ArtifactParts {
  /** The tensor between the two. */
  readonly seam: string;
  /** `image` uint8 `[1, H, W, 3]` → the seam, of one picture. */
  readonly preparation: Model;
  /** The seam `[N, …]` → the artifact's outputs, all of them. */
  readonly answering: Model;
}

/**
 * Where to take it apart: before the network, where pixels are {@link PIXELS}, normalised float32; or where they are resized and still
 * uint8, a quarter of the memory.
 */
export type Seam = "normalised" | "resized";

/**
 * Takes an artifact apart. Weights are shared with it, not copied.
 *
 * @throws GraftError (`data`) where it has no such seam
 */
export function artifactParts(artifact: Model, path: string, at: Seam = "normalised"): ArtifactParts {
  const { graph } = artifact;
  const seam = seams[at](graph);
  if (!seam) throw dataError(`${path} has no place between preparation and network: train it anew with this Graft.`);
  const preparation = cutGraph(graph, [seam]);
  const rest = graph.nodes.filter(({ outputs }) => !outputs.includes(seam.name));
  const answering = cutGraph({ ...graph, nodes: rest, inputs: [seam] }, graph.outputs);
  return {
    seam: seam.name,
    preparation: { ...artifact, graph: preparation },
    answering: { ...artifact, graph: answering },
  };
}

const seams: Readonly<Record<Seam, (graph: Graph) => Value | undefined>> = {
  normalised: (graph) => (lookup(graph).producer(PIXELS) ? { name: PIXELS, type: "float32" } : undefined),
  resized(graph) {
    const { producer } = lookup(graph);
    // From the network back to where pixels become numbers with a fraction.
    let node = producer(PIXELS);
    while (node && node.op !== "Cast") node = producer(node.inputs[0]!);
    return node && { name: node.inputs[0]!, type: "uint8" };
  },
};
