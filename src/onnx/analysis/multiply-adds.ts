/**
 * Counts the multiply-adds of a graph from the shapes of its tensors, with one small function per operator. Counts like fvcore and
 * torchinfo: convolutions and matrix products (including attention) without biases. Element-wise operators (normalisation,
 * activations, pooling) and subgraphs count as 0.
 */
import { elementCount, type Graph, intAttribute, type Node, stringAttribute } from "../model.ts";

/** The shape of every tensor by name. */
export type Shapes = ReadonlyMap<string, { readonly dims: readonly number[] }>;

/** Dimensions of a node's tensors: `input(0)`, `output()`. */
interface Around {
  input(position: number): readonly number[];
  output(): readonly number[];
}
type Count = (of: Node, around: Around) => number;

/** Each output value is a sum over all axes of the weight `[M, C / group, …kernel]` except the first. */
const convolution =
  (weight: number): Count =>
  (_, { input, output }) =>
    elementCount(output()) * elementCount(input(weight).slice(1));

/** Each input value is multiplied by all axes of the weight `[C, M / group, …kernel]` except the first. */
const transposedConvolution: Count = (_, { input }) => elementCount(input(0)) * elementCount(input(1).slice(1));

/** `[M, K] × [K, N]`, batched over any leading axes: each output value is a sum over K. */
const product: Count = (_, { input, output }) => elementCount(output()) * (input(0).at(-1) ?? 1);

const gemm: Count = (of, { input, output }) =>
  elementCount(output()) * (input(0)[intAttribute(of, "transA", 0) ? 0 : 1] ?? 1);

/** One multiply-add for each combination of the indices of two operands; 0 for one operand. */
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

/** Queries × keys, then weights × values, each over every pair of query and key (ONNX's Attention, opset 23). */
const attention: Count = (_, { input, output }) => {
  const [queries, keys] = [input(0), input(1)];
  const pairs = keys.at(-2) ?? 1;
  return (elementCount(queries) + elementCount(output())) * pairs;
};

/** One row per operator; others count as 0. */
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

/** The multiply-adds of one node. Throws a RangeError if a shape that it needs is not in `shapes`. */
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

/** The multiply-adds of a graph for the input shapes that `shapes` was computed with. */
export const multiplyAdds = (graph: Graph, shapes: Shapes): number =>
  graph.nodes.reduce((sum, node) => sum + nodeMultiplyAdds(node, shapes), 0);
