/** For tests only: graphs with their shapes, and the spread of the values in them. */
import { createRandom } from "../../base/random.ts";
import { encodeModelWhole } from "../../onnx/codec/write-model.ts";
import {
  asFloat32,
  type Dimension,
  elementCount,
  float32Tensor,
  type Graph,
  type Model,
  modelOf,
  type Node,
  type Tensor,
} from "../../onnx/model.ts";
import { openSession } from "../../onnx/session/session.ts";
import { measureShapes } from "../../onnx/session/shapes.ts";
import { fromScratch, type Scratch } from "./fresh-network.ts";

/** Float32 constants of these shapes, with numbers that no initialiser draws. */
export const odd = (dims: Readonly<Record<string, readonly number[]>>): Map<string, Tensor> =>
  new Map(
    Object.entries(dims).map(([name, shape]) => {
      const values = Float32Array.from({ length: elementCount(shape) }, (_, i) => 7 + (i % 5));
      return [name, float32Tensor(shape, values)];
    }),
  );

/** A model of these nodes with the input `x` and the output of the last node. */
export function modelFrom(
  nodes: readonly Node[],
  dims: readonly Dimension[],
  initializers: ReadonlyMap<string, Tensor>,
): Model {
  const graph: Graph = {
    name: "g",
    nodes,
    inputs: [{ name: "x", type: "float32", dims }],
    outputs: [{ name: nodes.at(-1)!.outputs[0]! }],
    initializers,
  };
  return modelOf(graph);
}

/** A model with fresh parameters. */
export async function scratchOf(model: Model, seed = 1): Promise<Scratch> {
  const [input] = model.graph.inputs;
  const dims = input!.dims!.map((size) => (typeof size === "number" ? size : 2));
  return fromScratch(model, await measureShapes(model, { [input!.name]: dims }), createRandom(seed));
}

/** Mean and standard deviation. */
export function spreadOf(values: Float32Array): { readonly mean: number; readonly deviation: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, deviation: Math.sqrt(variance) };
}

export const valuesOf = (model: Model, name: string): Float32Array => asFloat32(model.graph.initializers.get(name)!);

/** The standard deviation of each of `tensors` for noise of deviation 1; batch norm uses the statistics of the batch, as in training. */
export async function deviations(
  model: Model,
  dims: readonly number[],
  tensors: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const nodes = model.graph.nodes.map((node) => {
    if (node.op !== "BatchNormalization") return node;
    const outputs = [node.outputs[0]!, ...node.inputs.slice(3).map((name) => `${name}/next`)];
    return { ...node, outputs, attributes: { ...node.attributes, training_mode: { type: "int", value: 1 } as const } };
  });
  const graph = { ...model.graph, nodes, outputs: tensors.map((name) => ({ name })) };
  const session = await openSession(encodeModelWhole({ ...model, graph }));
  const random = createRandom(3);
  // Uniform noise of deviation 1.
  const data = Float32Array.from({ length: elementCount(dims) }, () => Math.sqrt(12) * (random.next() - 0.5));
  const result = await session.run({ [model.graph.inputs[0]!.name]: { dims, data } });
  await session.close();
  return new Map(tensors.map((name) => [name, spreadOf(result[name]!.data as Float32Array).deviation]));
}
