/**
 * Prepares a network or an artifact for gradient-based explanations: a session computes the gradient of one class's logit with respect to a
 * tensor. Differentiation is in `autodiff/`, the explanations in attributions.ts.
 */
import { gradients } from "../autodiff/gradients.ts";
import { dataError } from "../base/errors.ts";
import type { RgbImage } from "../data/image/rgb-image.ts";
import { artifactParts, LOGITS } from "../model/artifact-graph.ts";
import { PIXELS } from "../networks/backbone/backbone.ts";
import type { Preprocessing } from "../networks/preprocessing/preprocessing.ts";
import { fromArtifact } from "../networks/preprocessing/preprocessing-metadata.ts";
import { type Model, node } from "../onnx/model.ts";
import { cutGraph } from "../onnx/passes/cut-and-merge.ts";
import { openModel } from "../onnx/session/mapped-model.ts";
import { measureShapes } from "../onnx/session/shapes.ts";

/** A network to be explained. */
export interface Explained {
  /** Starts at {@link Explained.input}: float32, prepared pixels. */
  readonly model: Model;
  readonly input: string;
  /** The shape of one image in `input`, without the batch. */
  readonly inputDims: readonly number[];
  /** The tensor of the logits, `[N, C]`. */
  readonly logits: string;
}

/** A tensor's values, and the gradient of the selected logits' sum with respect to them, both in `dims`. */
export interface Slope {
  readonly dims: readonly number[];
  readonly values: Float32Array;
  readonly gradient: Float32Array;
}

export interface GradientSession {
  readonly classes: number;
  /**
   * Runs the forward and backward pass.
   *
   * @param pixels `[batch, …inputDims]`
   * @param label the class whose logit is differentiated, for every image of the batch
   */
  run(pixels: Float32Array, label: number): Promise<{ readonly logits: Float32Array; readonly slope: Slope }>;
  close(): Promise<void>;
}

const CHOICE = "explain/choice";
const SCORE = "explain/score";

/**
 * Opens a gradient session.
 *
 * @param towards the tensor to differentiate by: one that the logits depend on, or the input itself
 * @throws GraftError (`data`) if an operator between it and the logits has no gradient rule
 */
export async function openGradient(
  { model, input, inputDims, logits }: Explained,
  towards: string,
  batch = 1,
): Promise<GradientSession> {
  const dims = [batch, ...inputDims];
  const cut = cutGraph(model.graph, [{ name: logits }]);
  const network = { ...cut, inputs: cut.inputs.map((value) => ({ ...value, dims })) };
  const shapes = new Map(await measureShapes({ ...model, graph: network }, { [input]: dims }));
  const [rows, classes] = shapes.get(logits)?.dims ?? [];
  const at = shapes.get(towards);
  if (rows !== batch || classes === undefined || !at)
    throw dataError(
      `The network's logits "${logits}" or its tensor "${towards}" have no shape [N, …], so it cannot be explained.`,
    );
  const scored = {
    ...network,
    nodes: [
      ...network.nodes,
      node("Mul", [logits, CHOICE], ["explain/picked"]),
      node("ReduceSum", ["explain/picked"], [SCORE], { keepdims: 0 }),
    ],
    inputs: [...network.inputs, { name: CHOICE, type: "float32" as const, dims: [1, classes] }],
    outputs: [],
  };
  shapes.set(CHOICE, { type: "float32", dims: [1, classes] });
  shapes.set("explain/picked", { type: "float32", dims: [batch, classes] });
  shapes.set(SCORE, { type: "float32", dims: [] });
  const { graph, gradientOf } = gradients(scored, shapes, SCORE, [towards]);
  const gradient = gradientOf.get(towards)!;
  // An input cannot be an output as well.
  const isInput = towards === input;
  const outputs = [logits, gradient, ...(isInput ? [] : [towards])].map((name) => ({ name }));
  const session = await openModel({ ...model, metadata: new Map(), graph: { ...graph, outputs } });
  return {
    classes,
    async run(pixels, label) {
      const choice = new Float32Array(classes);
      choice[label] = 1;
      const result = await session.run({
        [input]: { dims, data: pixels },
        [CHOICE]: { dims: [1, classes], data: choice },
      });
      const values = isInput ? pixels : (result[towards]!.data as Float32Array);
      return {
        logits: result[logits]!.data as Float32Array,
        slope: { dims: at.dims, values, gradient: result[gradient]!.data as Float32Array },
      };
    },
    close: () => session.close(),
  };
}

// An artifact without its preprocessing, so that it is differentiated from prepared pixels on.

export interface ExplainedArtifact {
  readonly explained: Explained;
  /** The artifact from prepared pixels on, with all its outputs. */
  readonly predictor: Model;
  readonly preprocessing: Preprocessing;
  /** Resizes and normalises one image as the artifact does. */
  prepare(image: RgbImage): Promise<Float32Array>;
  close(): Promise<void>;
}

/**
 * Prepares an artifact.
 *
 * @param source its name in errors
 * @throws GraftError (`data`) if it is not a model of Graft
 */
export async function explainedArtifact(model: Model, source: string): Promise<ExplainedArtifact> {
  const preprocessing = fromArtifact(model.metadata, source);
  if (!preprocessing)
    throw dataError(`${source} has no preprocessing in its metadata: train it again with this version of Graft.`);
  const { preparation, predictor } = artifactParts(model, source);
  const session = await openModel(preparation, { threads: 1 });
  const { size, layout } = preprocessing;
  const inputDims = layout === "nchw" ? [3, size, size] : [size, size, 3];
  return {
    explained: { model: predictor, input: PIXELS, inputDims, logits: LOGITS },
    predictor,
    preprocessing,
    async prepare({ width, height, data }) {
      const [input = "image"] = session.inputs;
      const result = await session.run({ [input]: { dims: [1, height, width, 3], data } });
      return result[PIXELS]!.data as Float32Array;
    },
    close: () => session.close(),
  };
}
