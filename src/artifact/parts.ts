/**
 * Splits an artifact at the end of its preprocessing: a preparation that turns one image of any size into a fixed shape, and a predictor
 * of batches of such. Together they compute what the artifact computes; apart, images of different sizes share a batch.
 */
import { dataError } from "../base/errors.ts";
import { cutGraph } from "../graph/cut.ts";
import { lookup } from "../graph/lookup.ts";
import type { Graph, Model, Value } from "../graph/model.ts";
import { PIXELS } from "../zoo/backbone.ts";

export interface ArtifactParts {
  /** The tensor between the two models. */
  readonly seam: string;
  /** `image` uint8 `[1, H, W, 3]` → the seam, for one image. */
  readonly preparation: Model;
  /** The seam `[N, …]` → all outputs of the artifact. */
  readonly predictor: Model;
}

/**
 * Where to split: before the network, where pixels are {@link PIXELS}, normalised float32; or where they are resized and still uint8,
 * which takes a quarter of the memory.
 */
export type Seam = "normalised" | "resized";

/**
 * Splits an artifact. The parts share its weights.
 *
 * @throws GraftError (`data`) if it has no such seam
 */
export function artifactParts(artifact: Model, path: string, at: Seam = "normalised"): ArtifactParts {
  const { graph } = artifact;
  const seam = seams[at](graph);
  if (!seam)
    throw dataError(
      `${path} has no tensor between preprocessing and network: train it again with this version of Graft.`,
    );
  const preparation = cutGraph(graph, [seam]);
  const rest = graph.nodes.filter(({ outputs }) => !outputs.includes(seam.name));
  const predictor = cutGraph({ ...graph, nodes: rest, inputs: [seam] }, graph.outputs);
  return {
    seam: seam.name,
    preparation: { ...artifact, graph: preparation },
    predictor: { ...artifact, graph: predictor },
  };
}

const seams: Readonly<Record<Seam, (graph: Graph) => Value | undefined>> = {
  normalised: (graph) => (lookup(graph).producer(PIXELS) ? { name: PIXELS, type: "float32" } : undefined),
  resized(graph) {
    const { producer } = lookup(graph);
    // Walks back from the network to the cast from uint8 to float.
    let node = producer(PIXELS);
    while (node && node.op !== "Cast") node = producer(node.inputs[0]!);
    return node && { name: node.inputs[0]!, type: "uint8" };
  },
};
