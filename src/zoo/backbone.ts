/**
 * The backbone: a network cut where its features are, ending in `features` `[N, D]` whatever the shape at the cut.
 * How that shape is pooled is chosen in pooling.ts.
 */
import { dataError } from "../base/errors.ts";
import { cutGraph } from "../graph/cut.ts";
import { attach, renameTensors } from "../graph/merge.ts";
import { type Graph, type Model, node } from "../graph/model.ts";
import type { TensorShape } from "../graph/tensor.ts";
import { measureShapes } from "../runtime/measure-shapes.ts";
import { BACKBONE, FEATURES, PIXELS } from "./backbone-names.ts";
import { FEATURES_OF_VIEWS, meanOverViews, sideBySide } from "./mirrored.ts";
import type { Network } from "./network.ts";
import { choosePooling, type Pooling, poolings } from "./pooling.ts";

export type { Pooling } from "./pooling.ts";

/** The images that features are of: each as it is, or each with its mirror image, whose features are averaged. */
export type Views = "plain" | "mirrored";

/** What a cut yields. */
export interface CutShape {
  readonly pooling: Pooling;
  /** Features an image. */
  readonly features: number;
  /** Why it is pooled so, in words. */
  readonly why?: string | undefined;
  /** Default `plain`. `mirrored` takes twice the time. */
  readonly views?: Views | undefined;
}

/** A cut with the shape of its features. */
export interface Cut {
  readonly tensor: string;
  readonly shape: CutShape;
}

export { BACKBONE, FEATURES, PIXELS } from "./backbone-names.ts";

/** The network up to its cuts, each with its own output shape, tensors prefixed, the input called {@link PIXELS}. */
function cutNetwork({ model }: Network, cuts: readonly string[]): Graph {
  const input = model.graph.inputs[0]!.name;
  const graph = cutGraph(
    model.graph,
    cuts.map((name) => ({ name, type: "float32" })),
  );
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
  const { model, cut } = network;
  // Only to say so where there is no such tensor, before anything is measured.
  cutGraph(model.graph, [{ name: cut, type: "float32" }]);
  return cutShape(network, await shapesOf(network));
}

/** The shape of a network's features at its cut, where the shapes of its tensors are known already. */
export function cutShape({ model, cut, name }: Network, shapes: ReadonlyMap<string, TensorShape>): CutShape {
  const type = shapes.get(cut)?.type;
  if (type !== "float32") {
    throw dataError(
      `The tensor "${cut}" of ${name} is of type ${type ?? "unknown"}, not float32: choose another with --cut.`,
    );
  }
  return choosePooling(model.graph, shapes, cut, name);
}

/** From the tensor at a cut to one vector an image. */
function pooled({ tensor, shape }: Cut, to: string, called: string): Graph {
  const cut = BACKBONE + tensor;
  const pool: Graph = {
    name: "pool",
    ...poolings[shape.pooling].graph(cut, to),
    inputs: [{ name: cut, type: "float32" }],
    outputs: [{ name: to, type: "float32", dims: ["N", shape.features] }],
  };
  // Of several cuts, each has nodes and constants of its own.
  return renameTensors(pool, (name) => (name === cut || name === to ? name : called + name));
}

/** The backbone as a model: {@link PIXELS} in, {@link FEATURES} `[N, D]` out. */
export function backboneModel(network: Network, shape: CutShape): Model {
  const { model, cut, preprocessing } = network;
  const mirrors = shape.views === "mirrored";
  const graph = cutNetwork(network, [cut]);
  const pool = pooled({ tensor: cut, shape }, mirrors ? FEATURES_OF_VIEWS : FEATURES, "");
  const plain = attach(graph, pool);
  return {
    ...model,
    graph: mirrors ? meanOverViews(plain, shape.features, preprocessing) : plain,
    metadata: new Map(),
  };
}

/**
 * All that a network says of images at several cuts, in one pass: {@link PIXELS} in, {@link FEATURES} `[N, V · ΣD]` out, the features of the
 * image as it is at each cut, one after the other; then, where it is mirrored too, those of its mirror image.
 */
export function readingsModel(network: Network, cuts: readonly Cut[], mirrors: boolean): Model {
  const { model, preprocessing } = network;
  const read = cuts.map((cut, i) => pooled(cut, `reading${i}`, `reading${i}/`));
  const graph = read.reduce(
    (whole, pool) => attach(whole, pool),
    cutNetwork(
      network,
      cuts.map(({ tensor }) => tensor),
    ),
  );
  const columns = cuts.reduce((sum, { shape }) => sum + shape.features, 0);
  const joined: Graph = {
    name: "joined",
    nodes: [
      node(
        "Concat",
        read.map((_, i) => `reading${i}`),
        [mirrors ? FEATURES_OF_VIEWS : FEATURES],
        { axis: 1 },
      ),
    ],
    inputs: read.flatMap(({ outputs }) => outputs),
    outputs: [{ name: mirrors ? FEATURES_OF_VIEWS : FEATURES, type: "float32", dims: ["N", columns] }],
    initializers: new Map(),
  };
  const plain = attach(graph, joined);
  return {
    ...model,
    graph: mirrors ? sideBySide(plain, columns, preprocessing) : plain,
    metadata: new Map(),
  };
}
