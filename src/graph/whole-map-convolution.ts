/**
 * Rewrites convolutions whose kernel covers the whole input as fully connected layers, such as the first one of timm's VGG. A runtime
 * then does not rearrange the weights (411 MB in VGG) for a convolution.
 */
import { type Graph, intAttribute, intsAttribute, type Node, node } from "./model.ts";
import type { Shapes } from "./multiply-adds.ts";
import { elementCount, int64Tensor, type Tensor } from "./tensor.ts";

/**
 * The graph with each such convolution as Flatten, Gemm and Reshape. The weights keep their bytes and get two dimensions.
 * A weight with other readers stays unchanged.
 *
 * @param shapes of the graph's tensors, for any batch size
 */
export function wholeMapConvolutionsAsGemm(graph: Graph, shapes: Shapes): Graph {
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.flatMap((of) => {
    const weight = weightOfWholeMap(of, graph, shapes);
    if (!weight) return [of];
    const [input = "", name = "", ...bias] = of.inputs;
    const [output = ""] = of.outputs;
    const [out = 0, ...rest] = weight.dims;
    initializers.set(name, { ...weight, dims: [out, elementCount(rest)] });
    initializers.set(`${output}/dims`, int64Tensor([4], [-1, out, 1, 1]));
    return [
      node("Flatten", [input], [`${output}/flat`], { axis: 1 }),
      node("Gemm", [`${output}/flat`, name, ...bias], [`${output}/product`], { transB: 1 }),
      node("Reshape", [`${output}/product`, `${output}/dims`], [output]),
    ];
  });
  return { ...graph, nodes, initializers };
}

/** The weight of a convolution whose kernel covers the whole input; undefined for any other node. */
function weightOfWholeMap(of: Node, graph: Graph, shapes: Shapes): Tensor | undefined {
  const [input = "", name = ""] = of.inputs;
  const weight = graph.initializers.get(name);
  const map = shapes.get(input)?.dims.slice(2);
  if (of.op !== "Conv" || !weight || map?.length !== 2 || weight.dims.length !== 4) return undefined;
  const covers = weight.dims.slice(2).every((size, axis) => size === map[axis] && size > 1);
  const padded = (intsAttribute(of, "pads") ?? []).some((pad) => pad !== 0);
  const dilated = (intsAttribute(of, "dilations") ?? []).some((step) => step !== 1);
  const readers = graph.nodes.filter(({ inputs }) => inputs.includes(name));
  const plain = covers && !padded && !dilated && intAttribute(of, "group", 1) === 1 && readers.length === 1;
  return plain && of.attributes.auto_pad === undefined ? weight : undefined;
}
