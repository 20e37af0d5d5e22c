/**
 * How many multiply-adds a graph takes: one small function an operator, from the shapes of its tensors. Counted as
 * fvcore and torchinfo do: convolutions and matrix products (attention's too) without their biases; whatever works
 * element by element (normalisation, activations, pooling) counts as nothing. What subgraphs do is not counted.
 */
import { type Graph, intAttribute, type Node, stringAttribute } from "./model.ts";
import { elementCount } from "./tensor.ts";

/** The shape of every tensor by name. */
export type Shapes = ReadonlyMap<string, { readonly dims: readonly number[] }>;

/** Dimensions of a node's tensors: `input(0)`, `output()`. */
interface Around {
  input(position: number): readonly number[];
  output(): readonly number[];
}
type Count = (of: Node, around: Around) => number;

/** Each output value is a sum over the weight's `[M, C / group, …kernel]` but its first axis. */
const convolution =
  (weight: number): Count =>
  (_, { input, output }) =>
    elementCount(output()) * elementCount(input(weight).slice(1));

/** Each input value meets the weight's `[C, M / group, …kernel]` but its first axis. */
const transposedConvolution: Count = (_, { input }) => elementCount(input(0)) * elementCount(input(1).slice(1));

/** `[M, K] × [K, N]`, batched over whatever axes come first: each output value is a sum over K. */
const product: Count = (_, { input, output }) => elementCount(output()) * (input(0).at(-1) ?? 1);

const gemm: Count = (of, { input, output }) =>
  elementCount(output()) * (input(0)[intAttribute(of, "transA", 0) ? 0 : 1] ?? 1);

/** Every combination of the indices of both operands is one multiply-add; of one operand alone, none. */
const einsum: Count = (of, { input, output }) => {
  const [left = "", right = ""] = stringAttribute(of, "equation", "").replaceAll(" ", "").split("->");
  const operands = left.split(",");
  if (operands.length !== 2) return 0;
  const sizes = new Map<string, number>();
  operands.forEach((letters, position) => {
    [...letters.replace("...", "")].forEach((letter, axis, all) => {
      const dims = input(position);
      const offset = letters.startsWith("...") ? dims.length - all.length : 0;
      sizes.set(letter, dims[axis + offset] ?? 1);
    });
  });
  const named = new Set(right.replace("...", ""));
  const summed = [...sizes].filter(([letter]) => !named.has(letter)).map(([, size]) => size);
  return elementCount(output()) * elementCount(summed);
};

/** Queries times keys, then weights times values: both over every pair of a query and a key (ONNX's Attention, opset 23). */
const attention: Count = (_, { input, output }) => {
  const [queries, keys] = [input(0), input(1)];
  const pairs = keys.at(-2) ?? 1;
  return (elementCount(queries) + elementCount(output())) * pairs;
};

/** One row an operator; what is not here counts as nothing. */
const counts: Readonly<Record<string, Count>> = {
  Conv: convolution(1),
  ConvInteger: convolution(1),
  FusedConv: convolution(1),
  QLinearConv: convolution(3),
  ConvTranspose: transposedConvolution,
  Gemm: gemm,
  MatMul: product,
  MatMulInteger: product,
  QLinearMatMul: product,
  Einsum: einsum,
  Attention: attention,
};

/** The multiply-adds of one node. Throws a `RangeError` where a tensor that it counts by is not in `shapes`. */
export function nodeMultiplyAdds(of: Node, shapes: Shapes): number {
  const count = Object.hasOwn(counts, of.op) ? counts[of.op] : undefined;
  const dimsOf = (tensor: string | undefined): readonly number[] => {
    const shape = tensor === undefined ? undefined : shapes.get(tensor);
    if (!shape) throw new RangeError(`The shape of "${tensor}" is not known.`);
    return shape.dims;
  };
  return (
    count?.(of, {
      input: (position) => dimsOf(of.inputs[position]),
      output: () => dimsOf(of.outputs[0]),
    }) ?? 0
  );
}

/** The multiply-adds of a graph, for inputs of the shape that `shapes` was found for. */
export const multiplyAdds = (graph: Graph, shapes: Shapes): number =>
  graph.nodes.reduce((sum, node) => sum + nodeMultiplyAdds(node, shapes), 0);
