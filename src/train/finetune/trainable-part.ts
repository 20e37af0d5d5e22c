/**
 * Divides a network at its freeze boundary: the frozen part, from prepared images to the stored values; and the trainable part, from stored
 * values to logits. Builds graphs only; runs them just to measure shapes.
 */
import type { Shapes } from "../../autodiff/gradients.ts";
import { constants } from "../../autodiff/known-values.ts";
import { layerRate } from "../../autodiff/optimisers.ts";
import { type Carried, parametersOf, type Trainable } from "../../autodiff/training-step.ts";
import { dataError } from "../../base/errors.ts";
import { type Head, headGraph, IMAGE, LOGITS } from "../../model/artifact-graph.ts";
import { BACKBONE, backboneModel, type CutShape, PIXELS, pixelDims } from "../../networks/backbone/backbone.ts";
import type { Network } from "../../networks/network.ts";
import { preprocessingGraph } from "../../networks/preprocessing/preprocessing.ts";
import { dataTypeOf } from "../../onnx/codec/tensor-proto.ts";
import {
  bytesPerElement,
  elementCount,
  type Graph,
  int64Tensor,
  type Model,
  node,
  type Tensor,
  type TensorShape,
} from "../../onnx/model.ts";
import { attach, cutGraph, graphAfter } from "../../onnx/passes/cut-and-merge.ts";
import { inferKnownShapes, measureShapes } from "../../onnx/session/shapes.ts";
import type { Unfrozen } from "./recipe.ts";

/**
 * Folds what a graph for batches of one size computes from shapes (`Shape` → `Gather` → `Concat` …) into initializers, so that nothing after
 * the freeze boundary reads the shape of a tensor before it.
 */
export function foldShapes(graph: Graph, shapes: Shapes): Graph {
  const { integers } = constants(graph, shapes);
  const initializers = new Map<string, Tensor>(graph.initializers);
  const outputNames = new Set(graph.outputs.map(({ name }) => name));
  const nodes = graph.nodes.filter(({ outputs }) => {
    const [name = ""] = outputs;
    const shape = shapes.get(name);
    const values =
      outputs.length === 1 && !outputNames.has(name) && shape?.type === "int64" ? integers(name) : undefined;
    if (!shape || !values) return true;
    initializers.set(name, int64Tensor(shape.dims, values));
    return false;
  });
  return { ...graph, nodes, initializers };
}

// Batch norm for training from scratch: every batch is normalised by its own mean and variance, and the running ones, which predictions use
// later, follow them (Ioffe and Szegedy 2015, arXiv 1502.03167). Fine-tuning leaves batch norm unchanged.

/** A graph in training mode. */
export interface InTraining {
  readonly graph: Graph;
  readonly shapes: ReadonlyMap<string, TensorShape>;
  /** The running means and variances. */
  readonly carried: readonly Carried[];
}

/** Puts every `BatchNormalization` whose statistics are constants into training mode. */
export function withBatchStatistics(graph: Graph, shapes: ReadonlyMap<string, TensorShape>): InTraining {
  const carried: Carried[] = [];
  const known = new Map(shapes);
  const nodes = graph.nodes.map((node) => {
    const statistics = node.inputs.slice(3);
    if (node.op !== "BatchNormalization" || !statistics.every((name) => graph.initializers.has(name))) return node;
    const next = statistics.map((name) => `${name}/next`);
    statistics.forEach((name, i) => {
      carried.push({ name, next: next[i]! });
      known.set(next[i]!, graph.initializers.get(name)!);
    });
    const attributes = { ...node.attributes, training_mode: { type: "int", value: 1 } as const };
    return { ...node, outputs: [node.outputs[0]!, ...next], attributes };
  });
  return { graph: { ...graph, nodes }, shapes: known, carried };
}

// The freeze boundary and the two parts of the network.

/** How values of the boundary are stored: pixels as bytes; activations in half precision, or in full precision if they are too large. */
export type StoredType = "uint8" | "float16" | "float32";

/** The tensor at which the network is divided. */
export interface Boundary {
  /** Its name in the graph from {@link IMAGE} to {@link LOGITS}. */
  readonly tensor: string;
  /** Its name in messages. */
  readonly called: string;
  /** For one image, without the batch. */
  readonly dims: readonly number[];
  readonly stored: StoredType;
  /** Whether it is the resized image itself, before it is normalised. */
  readonly isPixels: boolean;
}

/** The input of the trainable part: stored values `[N, …dims]`. */
export const STORED = "stored";
/** Inputs of a trainable part that mixes examples: the share of each example's own values, and the partner of each example `[N]`. */
export const SHARE = "mixing/share";
export const PARTNERS = "mixing/partners";

const PREPARATION = "preprocess/";
/** The resized image as float32 `[N, 3, S, S]`, whole numbers from 0 to 255. */
const RESIZED = `${PREPARATION}float`;

/** Bytes of one image at the boundary. */
export const storedBytes = ({ dims, stored }: Boundary): number => elementCount(dims) * bytesPerElement[stored];

/** The boundary before all layers: resized pixels. */
export const pixelBoundary = ({ preprocessing: { size } }: Network): Boundary => ({
  tensor: RESIZED,
  called: "pixels",
  dims: [3, size, size],
  stored: "uint8",
  isPixels: true,
});

/**
 * The boundary that a plan names.
 *
 * @param shapes of the network's own tensors, for one image
 * @throws GraftError (`data`) if its first axis is not the batch
 */
export function boundaryOf(
  network: Network,
  { boundary }: Unfrozen,
  shapes: ReadonlyMap<string, TensorShape>,
  stored: StoredType = "float16",
): Boundary {
  if (boundary === undefined) return pixelBoundary(network);
  const { type, dims = [] } = shapes.get(boundary) ?? {};
  if (type !== "float32" || dims[0] !== 1)
    throw dataError(
      `The frozen part would end in "${boundary}" (${type} [${dims}]), whose first axis is not the batch: unfreeze another stage, or all.`,
    );
  return { tensor: BACKBONE + boundary, called: boundary, dims: dims.slice(1), stored, isPixels: false };
}

/** Pixels of any size → {@link PIXELS}. */
function preparation({ preprocessing }: Network): Graph {
  const { nodes, initializers } = preprocessingGraph(preprocessing, IMAGE, PIXELS, PREPARATION);
  return {
    name: "preparation",
    nodes,
    inputs: [{ name: IMAGE, type: "uint8", dims: ["N", "H", "W", 3] }],
    outputs: [{ name: PIXELS, type: "float32" }],
    initializers,
  };
}

/** The frozen part: {@link IMAGE} (for pixels) or {@link PIXELS} → {@link STORED}. */
export function frozenModel(network: Network, shape: CutShape, boundary: Boundary): Model {
  const graph = boundary.isPixels ? preparation(network) : backboneModel(network, shape).graph;
  const cut = cutGraph(graph, [{ name: boundary.tensor }]);
  const nodes = [...cut.nodes, node("Cast", [boundary.tensor], [STORED], { to: dataTypeOf[boundary.stored] })];
  return { ...network.model, metadata: new Map(), graph: { ...cut, nodes, outputs: [{ name: STORED }] } };
}

export interface TrainablePartOptions {
  readonly network: Network;
  readonly shape: CutShape;
  readonly boundary: Boundary;
  readonly head: Head;
  readonly batch: number;
  /** Whether examples are mixed with each other at the input. */
  readonly mixes?: boolean | undefined;
}

/** The trainable part for batches of one size, with the shape of each of its tensors. */
export interface TrainablePart {
  /** {@link STORED} → {@link LOGITS}, the weights as initializers. */
  readonly graph: Graph;
  readonly shapes: ReadonlyMap<string, TensorShape>;
}

/** The trainable part of a network, its head last. */
export async function trainablePartOf(options: TrainablePartOptions): Promise<TrainablePart> {
  const { network, shape, boundary, head, batch } = options;
  const { graph: backbone } = backboneModel(network, shape);
  const logits = { name: LOGITS, type: "float32", dims: [batch, head.bias.length] } as const;
  const whole = cutGraph(attach(backbone, headGraph(head, 1, shape.features)), [logits]);
  const measured = await measureShapes({ ...network.model, graph: whole }, { [PIXELS]: pixelDims(network, batch) });
  const folded = foldShapes(whole, measured);
  const joined = boundary.isPixels ? attach(preparation(network), folded) : folded;
  const dims = [batch, ...boundary.dims];
  const graph = fedWithStored(graphAfter(joined, { name: boundary.tensor, type: "float32", dims }), options);
  const { shapes, unknown } = await inferKnownShapes({ ...network.model, graph });
  const missing = unknown.flatMap(({ name }) => {
    const known = measured.get(name);
    return known ? [[name, known] as const] : [];
  });
  return { graph, shapes: new Map([...shapes, ...missing]) };
}

/** Adds reading the stored values, and mixing, before a trainable part. */
function fedWithStored(part: Graph, { boundary, batch, mixes = false }: TrainablePartOptions): Graph {
  const [own, ...others] = part.inputs;
  if (own?.name !== boundary.tensor || others.length > 0)
    throw new Error(
      `The trainable part reads ${part.inputs.map(({ name }) => name).join(", ")}, not "${boundary.tensor}" alone.`,
    );
  const values = mixes ? "mixing/values" : boundary.tensor;
  const mixing = [
    node("Gather", [values, PARTNERS], ["mixing/others"], { axis: 0 }),
    node("Sub", [values, "mixing/others"], ["mixing/difference"]),
    node("Mul", ["mixing/difference", SHARE], ["mixing/part"]),
    node("Add", ["mixing/others", "mixing/part"], [boundary.tensor]),
  ];
  return {
    ...part,
    inputs: [
      { name: STORED, type: boundary.stored, dims: [batch, ...boundary.dims] },
      ...(mixes
        ? ([
            { name: SHARE, type: "float32", dims: [] },
            { name: PARTNERS, type: "int64", dims: [batch] },
          ] as const)
        : []),
    ],
    nodes: [node("Cast", [STORED], [values], { to: dataTypeOf.float32 }), ...(mixes ? mixing : []), ...part.nodes],
  };
}

/**
 * The parameters that train: the head's, and those of the trainable stages that no frozen layer also reads. Stages nearer to the input learn
 * slower.
 *
 * @param decay learning rate of a stage relative to the next
 */
export function trainablesOf(network: Network, plan: Unfrozen, part: Graph, decay: number): Trainable[] {
  const frozenUntil = plan.all.length - plan.stages.length;
  const stageOf = new Map<string, number>();
  plan.all.forEach(({ output }, stage) => {
    const until = cutGraph(network.model.graph, [{ name: output }]);
    for (const name of until.initializers.keys()) if (!stageOf.has(name)) stageOf.set(name, stage);
  });
  const layers = plan.stages.length + 1;
  return parametersOf(part).flatMap(({ name, decays }) => {
    if (!name.startsWith(BACKBONE)) return name.startsWith("head/") ? [{ name, decays }] : [];
    const stage = stageOf.get(name.slice(BACKBONE.length)) ?? plan.all.length - 1;
    if (stage < frozenUntil) return [];
    return [{ name, decays, rate: layerRate(stage - frozenUntil, layers, decay) }];
  });
}

/** A trainable part without its gradient: the tensors that training changes are inputs, the logits the output. */
export function evaluationModel(network: Network, graph: Graph, changing: readonly string[]): Model {
  const fed = new Set(changing);
  const inputs = [...fed].map((name) => {
    const { type, dims } = graph.initializers.get(name)!;
    return { name, type, dims };
  });
  const initializers = new Map([...graph.initializers].filter(([name]) => !fed.has(name)));
  return {
    ...network.model,
    metadata: new Map(),
    graph: { ...graph, inputs: [...graph.inputs, ...inputs], initializers },
  };
}
