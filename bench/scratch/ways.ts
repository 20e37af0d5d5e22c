/** Ways to begin a network whose batch norm was folded away: what bench `scratch` compares. */
import { createRandom } from "../../src/base/random.ts";
import { fromScratch } from "../../src/networks/init/fresh-network.ts";
import { dataflow } from "../../src/onnx/analysis/dataflow.ts";
import { encodeModelWhole } from "../../src/onnx/codec/write-model.ts";
import type { Graph, Model } from "../../src/onnx/model.ts";
import { asFloat32, float32Tensor, type TensorShape } from "../../src/onnx/model.ts";
import { openSession, type RuntimeTensor } from "../../src/onnx/session/session.ts";

/** A network ready to be trained from nothing. */
export interface Start {
  readonly name: string;
  readonly model: Model;
}

type Shapes = ReadonlyMap<string, TensorShape>;

/** As Graft does; the same without the restored norms; and that again, scaled by LSUV. */
export async function starts(model: Model, shapes: Shapes, images: RuntimeTensor, seed: number): Promise<Start[]> {
  const restored = fromScratch(model, shapes, createRandom(seed));
  const plain = { ...restored.model, graph: withoutNorms(restored.model.graph, model.graph) };
  return [
    { name: "norms restored", model: restored.model },
    { name: "He and Glorot alone", model: plain },
    { name: "LSUV", model: await lsuv(plain, images) },
  ];
}

/** The graph as the file has it, with the weights drawn, and biases of zero. */
function withoutNorms(drawn: Graph, file: Graph): Graph {
  const initializers = [...file.initializers].map(([name, tensor]) => {
    const isBias = file.nodes.some(({ op, inputs }) => op === "Conv" && inputs[2] === name);
    const zero = (): Float32Array => new Float32Array(tensor.bytes.length / 4);
    return [name, drawn.initializers.get(name) ?? (isBias ? float32Tensor(tensor.dims, zero()) : tensor)] as const;
  });
  return { ...file, initializers: new Map(initializers) };
}

/**
 * Layer-sequential unit variance: each convolution's weight divided by the deviation of its output, from the first to the
 * last. Mishkin and Matas 2016, arXiv 1511.06422 (without its orthogonal start).
 */
async function lsuv(model: Model, images: RuntimeTensor): Promise<Model> {
  const initializers = new Map(model.graph.initializers);
  for (const { op, inputs, outputs } of dataflow(model.graph).nodes) {
    if (op !== "Conv") continue;
    const [output = ""] = outputs;
    const graph = { ...model.graph, initializers, outputs: [{ name: output }] };
    const session = await openSession(encodeModelWhole({ ...model, graph }));
    const result = await session.run({ [model.graph.inputs[0]!.name]: images });
    await session.close();
    const values = result[output]!.data as Float32Array;
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    const weight = initializers.get(inputs[1]!)!;
    initializers.set(
      inputs[1]!,
      float32Tensor(
        weight.dims,
        asFloat32(weight).map((value) => value / deviation),
      ),
    );
  }
  return { ...model, graph: { ...model.graph, initializers } };
}
