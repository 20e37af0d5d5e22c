/**
 * The backbone: a network cut where its features are, ending in `features` `[N, D]` whatever the shape at the cut.
 * How that shape is pooled is chosen in pooling.ts.
 */
import { dataError } from "../base/errors.ts";
import { cutGraph } from "../graph/cut.ts";
import { attach, renameTensors } from "../graph/merge.ts";
import type { Graph, Model } from "../graph/model.ts";
import { measureShapes } from "../runtime/measure-shapes.ts";
import type { TensorShape } from "../runtime/shapes.ts";
import type { Network } from "./network.ts";
import { choosePooling, type Pooling, poolings } from "./pooling.ts";

export type { Pooling } from "./pooling.ts";

/** What a cut yields. */
export interface CutShape {
  readonly pooling: Pooling;
  /** Features an image. */
  readonly features: number;
  /** Why it is pooled so, in words. */
  readonly why?: string;
}

/** The prefix of every tensor of the backbone inside an artifact. */
export const BACKBONE = "backbone/";
/** The backbone's input, `[N, 3, S, S]` or `[N, S, S, 3]`, preprocessed. */
export const PIXELS = "pixels";
/** The backbone's output, `[N, D]`. */
export const FEATURES = "features";

/** The network up to its cut, with its own output shape, tensors prefixed, the input called {@link PIXELS}. */
function cutNetwork({ model, cut }: Network): Graph {
  const input = model.graph.inputs[0]!.name;
  const graph = cutGraph(model.graph, [{ name: cut, type: "float32" }]);
  const renamed = renameTensors(graph, (name) => (name === input ? PIXELS : BACKBONE + name));
  return {
    ...renamed,
    inputs: renamed.inputs.map((value) => ({ ...value, dims: ["N", ...(value.dims ?? []).slice(1)] })),
  };
}

/** The shape of a batch of prepared pictures for a network. */
export function pixelDims(
  { preprocessing: { size, layout } }: Pick<Network, "preprocessing">,
  batch: number,
): number[] {
  return layout === "nchw" ? [batch, 3, size, size] : [batch, size, size, 3];
}

/** The shape of every tensor of a network for one picture, its classifier's too. */
export const shapesOf = (network: Network): Promise<ReadonlyMap<string, TensorShape>> =>
  measureShapes(network.model, { [network.model.graph.inputs[0]!.name]: pixelDims(network, 1) });

/** Learns what a network's cut yields. Throws a usage error where there is no such tensor. */
export async function measureCut(network: Network): Promise<CutShape> {
  const { model, cut, name } = network;
  // Only to say so where there is no such tensor, before anything is measured.
  cutGraph(model.graph, [{ name: cut, type: "float32" }]);
  const shapes = await shapesOf(network);
  const type = shapes.get(cut)?.type;
  if (type !== "float32") {
    throw dataError(
      `The tensor "${cut}" of ${name} is of type ${type ?? "unknown"}, not float32: choose another with --cut.`,
    );
  }
  return choosePooling(model.graph, shapes, cut, name);
}

/** The backbone as a model: {@link PIXELS} in, {@link FEATURES} `[N, D]` out. */
export function backboneModel(network: Network, { pooling, features }: CutShape): Model {
  const graph = cutNetwork(network);
  const cut = BACKBONE + network.cut;
  const pool: Graph = {
    name: "pool",
    ...poolings[pooling].graph(cut, FEATURES),
    inputs: [{ name: cut, type: "float32" }],
    outputs: [{ name: FEATURES, type: "float32", dims: ["N", features] }],
  };
  return { ...network.model, graph: attach(graph, pool), metadata: new Map() };
}
