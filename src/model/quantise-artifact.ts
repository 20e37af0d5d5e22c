/** Quantises a trained model's network to 8-bit integers, with activation ranges measured on images. */
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createMeter, type OnProgress } from "../base/progress.ts";
import { withImage } from "../data/image/decode.ts";
import { BACKBONE } from "../networks/backbone/backbone.ts";
import { decodeModel } from "../onnx/codec/read-model.ts";
import { encodeModelWhole } from "../onnx/codec/write-model.ts";
import { type Model, type Node, node } from "../onnx/model.ts";
import { attach } from "../onnx/passes/cut-and-merge.ts";
import { quantise, type Range, rangesWanted } from "../onnx/passes/quantise-graph.ts";
import { openModel } from "../onnx/session/mapped-model.ts";
import { openSession } from "../onnx/session/session.ts";
import { artifactParts, IMAGE } from "./artifact-graph.ts";

export interface QuantiseOptions {
  readonly onProgress?: OnProgress | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Whether a node belongs to the network; the head and the out-of-distribution score stay in float. */
const isNetworks = ({ outputs }: Node): boolean => outputs.every((name) => name === "" || name.startsWith(BACKBONE));

/**
 * Returns the same model with the network's convolutions and linear layers in 8-bit integers.
 *
 * @param images paths of images like those to be predicted: a few dozen suffice
 * @throws GraftError (`data`) if an image cannot be read, or the artifact is not one of Graft's
 */
export async function quantiseArtifact(
  artifact: Model,
  path: string,
  images: readonly string[],
  { onProgress, signal }: QuantiseOptions = {},
): Promise<Model> {
  const { seam, preparation, predictor } = artifactParts(artifact, path);
  const model = await simplified(predictor);
  const wanted = rangesWanted(model.graph, isNetworks);
  const meter = createMeter({ stage: "Measuring ranges", unit: "images", total: images.length, onProgress });
  const ranges = new Map<string, Range>();
  const preparing = await openModel(preparation, { threads: 1 });
  const measuring = await openModel(withRanges(model, wanted));
  try {
    for (const image of images) {
      signal?.throwIfAborted();
      const pixels = await withImage(image, async ({ width, height, data }) => {
        return (await preparing.run({ [IMAGE]: { dims: [1, height, width, 3], data } }))[seam]!;
      });
      const found = await measuring.run({ [seam]: pixels });
      for (const name of wanted) {
        const [least, largest] = [found[`${name}/least`]!, found[`${name}/largest`]!].map(({ data }) =>
          Number(data[0]),
        );
        const [low, high] = ranges.get(name) ?? [least!, largest!];
        ranges.set(name, [Math.min(low, least!), Math.max(high, largest!)]);
      }
      meter.add();
    }
  } finally {
    await preparing.close();
    await measuring.close();
  }
  const graph = attach(preparation.graph, {
    ...quantise(model.graph, isNetworks, ranges),
    outputs: artifact.graph.outputs,
  });
  return { ...artifact, opsets: model.opsets, graph: { ...graph, name: artifact.graph.name } };
}

/** The model after ONNX Runtime's basic optimisations: normalisation folded into the convolutions, constants computed. */
async function simplified(model: Model): Promise<Model> {
  const folder = await mkdtemp(join(tmpdir(), "graft-simplified-"));
  try {
    const written = join(folder, "model.onnx");
    const session = await openSession(encodeModelWhole(model), { optimise: "basic", writeTo: written });
    await session.close();
    return { ...decodeModel(await readFile(written), written), metadata: model.metadata };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The model with the minimum and maximum of the given tensors as its outputs. */
function withRanges(model: Model, tensors: readonly string[]): Model {
  const ends = [
    ["ReduceMin", "least"],
    ["ReduceMax", "largest"],
  ] as const;
  const added = tensors.flatMap((name) =>
    ends.map(([op, end]) => node(op, [name], [`${name}/${end}`], { keepdims: 0 })),
  );
  const outputs = added.map(({ outputs: [name] }) => ({ name: name!, type: "float32" as const }));
  return { ...model, graph: { ...model.graph, nodes: [...model.graph.nodes, ...added], outputs } };
}
