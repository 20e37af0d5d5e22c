/**
 * The backbone: a network cut at its features, ending in `features` `[N, D]` whatever the shape at the cut. The pooling is chosen elsewhere.
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
import { inputDims } from "./preprocessing.ts";

export type { Pooling } from "./pooling.ts";

/** `plain`: features of each image. `mirrored`: the mean of the features of each image and its mirror image. */
export type Views = "plain" | "mirrored";

/** The features at a cut. */
export interface CutShape {
  readonly pooling: Pooling;
  /** Features per image. */
  readonly features: number;
  /** Why this pooling was chosen, as text. */
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

/** The network up to its cuts; each cut keeps its shape, tensors get the prefix, and the input is called {@link PIXELS}. */
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

/** The shape of a batch of preprocessed images for a network, `[N, 3, S, S]` or `[N, S, S, 3]`. */
export const pixelDims = ({ preprocessing }: Pick<Network, "preprocessing">, batch: number): number[] =>
  inputDims(preprocessing, batch);

/** The shape of every tensor of a network for one image, the classifier's included. */
export const shapesOf = (network: Network): Promise<ReadonlyMap<string, TensorShape>> =>
  measureShapes(network.model, { [network.model.graph.inputs[0]!.name]: pixelDims(network, 1) });

/**
 * Measures the features at a network's cut.
 *
 * @throws GraftError (`usage`) if there is no such tensor; (`data`) if its values are not features
 */
export async function measureCut(network: Network): Promise<CutShape> {
  const { model, cut } = network;
  // Throws if there is no such tensor, before anything is measured.
  cutGraph(model.graph, [{ name: cut, type: "float32" }]);
  return cutShape(network, await shapesOf(network));
}

/** The features at a network's cut, from the shapes of its tensors. Throws a GraftError (`data`) if its values are not features. */
export function cutShape({ model, cut, name }: Network, shapes: ReadonlyMap<string, TensorShape>): CutShape {
  const type = shapes.get(cut)?.type;
  if (type !== "float32") {
    throw dataError(
      `The tensor "${cut}" of ${name} is of type ${type ?? "unknown"}, not float32: choose another with --cut.`,
    );
  }
  return choosePooling(model.graph, shapes, cut, name);
}

/** The graph from the tensor at a cut to one vector per image, `[N, D]`. */
function pooled({ tensor, shape }: Cut, to: string, called: string): Graph {
  const cut = BACKBONE + tensor;
  const pool: Graph = {
    name: "pool",
    ...poolings[shape.pooling].graph(cut, to),
    inputs: [{ name: cut, type: "float32" }],
    outputs: [{ name: to, type: "float32", dims: ["N", shape.features] }],
  };
  // With several cuts, each needs its own nodes and constants.
  return renameTensors(pool, (name) => (name === cut || name === to ? name : called + name));
}

/** The backbone as a model from {@link PIXELS} to {@link FEATURES} `[N, D]`. */
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
 * A model that computes the features at several cuts in one pass, from {@link PIXELS} to {@link FEATURES} `[N, V · ΣD]`: the features
 * of the image at each cut, one after the other, then with `mirrors` those of its mirror image (V is 2, otherwise 1).
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
