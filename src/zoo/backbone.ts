/**
 * The backbone: a network cut where its features are, ending in `features` `[N, D]` whatever the shape at the cut.
 * The shape is learned by running the network once on a grey picture.
 */
import { dataError } from "../base/errors.ts";
import { cutGraph } from "../graph/cut.ts";
import { attach, renameTensors } from "../graph/merge.ts";
import { type Graph, type Model, type Node, node } from "../graph/model.ts";
import { encodeModelWhole } from "../graph/onnx/write.ts";
import { openSession } from "../runtime/session.ts";
import type { Network } from "./network.ts";

/** How the values at the cut become one vector an image. */
export type Pooling = "none" | "flatten" | "spatial-mean";

/** What a cut yields. */
export interface CutShape {
  readonly pooling: Pooling;
  /** Features an image. */
  readonly features: number;
}

/** The prefix of every tensor of the backbone inside an artifact. */
export const BACKBONE = "backbone/";
/** The backbone's input, `[N, 3, S, S]` or `[N, S, S, 3]`, preprocessed. */
export const PIXELS = "pixels";
/** The backbone's output, `[N, D]`. */
export const FEATURES = "features";

const poolingNodes: Readonly<Record<Pooling, (cut: string) => Node[]>> = {
  none: (cut) => [node("Identity", [cut], [FEATURES])],
  flatten: (cut) => [node("Flatten", [cut], [FEATURES], { axis: 1 })],
  "spatial-mean": (cut) => [
    node("GlobalAveragePool", [cut], ["pooled"]),
    node("Flatten", ["pooled"], [FEATURES], { axis: 1 }),
  ],
};

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

/** Runs the network once to learn what its cut yields. */
export async function measureCut(network: Network): Promise<CutShape> {
  const { size, layout } = network.preprocessing;
  const graph = cutNetwork(network);
  const session = await openSession(encodeModelWhole({ ...network.model, graph }));
  try {
    const dims = layout === "nchw" ? [1, 3, size, size] : [1, size, size, 3];
    const result = await session.run({ [PIXELS]: { dims, data: new Float32Array(3 * size * size) } });
    return shapeOf(result[BACKBONE + network.cut]!.dims, network);
  } finally {
    await session.close();
  }
}

function shapeOf(dims: readonly number[], { cut, name }: Network): CutShape {
  const [, features, height = 1, width = 1] = dims;
  if (dims.length === 2 && features) return { pooling: "none", features };
  if (dims.length === 4 && features) {
    return { pooling: height * width === 1 ? "flatten" : "spatial-mean", features };
  }
  throw dataError(
    `The tensor "${cut}" of ${name} has shape [${dims}], which is no feature map or vector: choose another with --cut.`,
  );
}

/** The backbone as a model: {@link PIXELS} in, {@link FEATURES} `[N, D]` out. */
export function backboneModel(network: Network, { pooling, features }: CutShape): Model {
  const graph = cutNetwork(network);
  const pool: Graph = {
    name: "pool",
    nodes: poolingNodes[pooling](BACKBONE + network.cut),
    inputs: [{ name: BACKBONE + network.cut, type: "float32" }],
    outputs: [{ name: FEATURES, type: "float32", dims: ["N", features] }],
    initializers: new Map(),
  };
  return { ...network.model, graph: attach(graph, pool), metadata: new Map() };
}
