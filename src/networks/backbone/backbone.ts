/**
 * The backbone: a network cut at its features, ending in `features` `[N, D]` whatever the shape at the cut; its two views (image and
 * mirror image), its preprocessing as a model, and the candidates for its cut. The pooling is chosen in pooling.ts.
 */
import { dataError, GraftError } from "../../base/errors.ts";
import { encodeModelWhole } from "../../onnx/codec/write-model.ts";
import { type Graph, int64Tensor, type Model, modelOf, type Node, node, type TensorShape } from "../../onnx/model.ts";
import { attach, cutGraph, renameTensors } from "../../onnx/passes/cut-and-merge.ts";
import { measureShapes } from "../../onnx/session/shapes.ts";
import type { Network } from "../network.ts";
import { inputDims, type Preprocessing, preprocessingGraph } from "../preprocessing/preprocessing.ts";
import { choosePooling, type Pooling, poolings } from "./pooling.ts";
import { stagesOf } from "./stages.ts";

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
export function multiCutModel(network: Network, cuts: readonly Cut[], mirrors: boolean): Model {
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

// The names of a backbone's tensors, the same for every network.

/** The prefix of every tensor of the backbone inside an artifact. */
export const BACKBONE = "backbone/";
/** The backbone's input, preprocessed pixels: `[N, 3, S, S]` or `[N, S, S, 3]`. */
export const PIXELS = "pixels";
/** The backbone's output, `[N, D]`. */
export const FEATURES = "features";

// Views: a network on each image and its mirror image in one pass. The batch is doubled after the pixels and halved again at the
// features, which become the mean of both views or both side by side.

/** The features of both views, `[2N, D]`: first those of the images, then those of their mirror images. */
export const FEATURES_OF_VIEWS = "views/features";
/** The pixels of both views, `[2N, …]`. */
export const PIXELS_OF_VIEWS = "views/pixels";

type Frame = Pick<Preprocessing, "layout" | "size">;

/**
 * Turns a network from {@link PIXELS} to {@link FEATURES_OF_VIEWS} into one from {@link PIXELS} to {@link FEATURES} `[N, D]`, the mean of
 * both views.
 */
export const meanOverViews = (graph: Graph, features: number, frame: Frame): Graph =>
  attach(ofBothViews(graph, frame), {
    ...ending(features, [
      node("Reshape", [FEATURES_OF_VIEWS, "views/apart"], ["views/two"]),
      node("ReduceMean", ["views/two", "views/first"], [FEATURES], { keepdims: 0 }),
    ]),
    initializers: new Map([
      ["views/apart", int64Tensor([3], [2, -1, features])],
      ["views/first", int64Tensor([1], [0])],
    ]),
  });

/**
 * Turns a network from {@link PIXELS} to {@link FEATURES_OF_VIEWS} into one from {@link PIXELS} to {@link FEATURES} `[N, 2D]`, both views
 * side by side.
 */
export const sideBySide = (graph: Graph, features: number, frame: Frame): Graph =>
  attach(ofBothViews(graph, frame), {
    ...ending(2 * features, [
      node("Reshape", [FEATURES_OF_VIEWS, "views/apart"], ["views/two"]),
      node("Transpose", ["views/two"], ["views/beside"], { perm: [1, 0, 2] }),
      node("Reshape", ["views/beside", "views/row"], [FEATURES]),
    ]),
    initializers: new Map([
      ["views/apart", int64Tensor([3], [2, -1, features])],
      ["views/row", int64Tensor([2], [-1, 2 * features])],
    ]),
  });

const ending = (features: number, nodes: readonly Node[]): Graph => ({
  name: "views",
  nodes,
  inputs: [{ name: FEATURES_OF_VIEWS, type: "float32" }],
  outputs: [{ name: FEATURES, type: "float32", dims: ["N", features] }],
  initializers: new Map(),
});

/** Doubles the batch before the network; for the mirror images, columns of pixels are read from right to left. */
function ofBothViews(graph: Graph, { layout, size: width }: Frame): Graph {
  const axis = layout === "nchw" ? 3 : 2;
  const reads = (names: readonly string[]): string[] => names.map((name) => (name === PIXELS ? PIXELS_OF_VIEWS : name));
  return {
    ...graph,
    nodes: [
      // Gather has a gradient, which explanations need.
      node("Gather", [PIXELS, "views/backwards"], ["views/mirrored"], { axis }),
      node("Concat", [PIXELS, "views/mirrored"], [PIXELS_OF_VIEWS], { axis: 0 }),
      ...graph.nodes.map((one) => ({ ...one, inputs: reads(one.inputs) })),
    ],
    initializers: new Map([
      ...graph.initializers,
      [
        "views/backwards",
        int64Tensor(
          [width],
          Array.from({ length: width }, (_, x) => width - 1 - x),
        ),
      ],
    ]),
  };
}

// Preprocessing as a separate model, for code that prepares images before it runs the network.

/** The bytes of a model from `image` uint8 `[N, H, W, 3]` to {@link PIXELS} float32 `[N, 3, S, S]` or `[N, S, S, 3]`. */
export function preparationModel(preprocessing: Preprocessing): Uint8Array {
  const { nodes, initializers } = preprocessingGraph(preprocessing, "image", PIXELS, "preprocess/");
  const graph = {
    name: "preprocess",
    nodes,
    inputs: [{ name: "image", type: "uint8", dims: ["N", "H", "W", 3] }],
    outputs: [{ name: PIXELS, type: "float32" }],
    initializers,
  } as const;
  return encodeModelWhole(modelOf(graph));
}

// The candidates for a cut. The last layers of a pretrained network serve the classes that it was trained on; for other classes, a cut
// some blocks earlier is often better. Cross-validation chooses among the candidates elsewhere.

/** How many stages before the cut's own end in a candidate, if neither the catalogue nor the caller lists candidates. */
const STAGES_BEFORE = 2;

/**
 * Measures a network's cut and the other candidates: those in {@link Network.cuts}, otherwise the ends of the two stages before the one
 * of the cut, if Graft can pool them.
 *
 * @throws GraftError (`usage`) if the network's cut is not a tensor of it; (`data`) if its values are not features
 */
export async function measureCuts(network: Network): Promise<{ readonly own: Cut; readonly others: readonly Cut[] }> {
  const { model, cut, cuts } = network;
  // Throws if there is no such tensor, before anything is measured.
  cutGraph(model.graph, [{ name: cut, type: "float32" }]);
  const shapes = await shapesOf(network);
  const own = { tensor: cut, shape: cutShape(network, shapes) };
  const others = (cuts ?? stageEnds(network, shapes)).flatMap((tensor) => measured(network, tensor, shapes) ?? []);
  return { own, others };
}

function stageEnds({ model, cut, stages }: Network, shapes: ReadonlyMap<string, TensorShape>): string[] {
  return stagesOf(model.graph, cut, shapes, stages)
    .slice(-1 - STAGES_BEFORE, -1)
    .map(({ output }) => output)
    .reverse();
}

function measured(network: Network, tensor: string, shapes: ReadonlyMap<string, TensorShape>): Cut | undefined {
  try {
    return { tensor, shape: cutShape({ ...network, cut: tensor }, shapes) };
  } catch (error) {
    // A stage may end in a tensor whose axes are unknown; that is not a candidate.
    if (error instanceof GraftError && network.cuts === undefined) return undefined;
    throw error;
  }
}

/** Whether a tensor is computed on the way to the network's cut, so that reading it costs only its pooling. */
export function isBeforeCut({ model, cut }: Network, tensor: string): boolean {
  const { nodes } = cutGraph(model.graph, [{ name: cut, type: "float32" }]);
  return nodes.some(({ outputs }) => outputs.includes(tensor));
}
