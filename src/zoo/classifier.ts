/**
 * Where a network's own classifier begins: found from the structure of the graph, walking up from its output
 * through what exporters put behind a classifier, to the layer that makes the logits.
 */
import { dataError } from "../base/errors.ts";
import { lookup } from "../graph/lookup.ts";
import type { Graph, Node } from "../graph/model.ts";

/** The last linear layer of a network. */
export interface Classifier {
  /** The tensor that the layer reads: the natural cut. */
  readonly cut: string;
  /** The node that makes the logits. */
  readonly layer: Node;
}

/** Operations that only reshape or rescale the logits on their way out. */
const passedThrough = new Set([
  "Softmax",
  "LogSoftmax",
  "Sigmoid",
  "Flatten",
  "Reshape",
  "Squeeze",
  "Identity",
  "Cast",
  "Add",
  "QuantizeLinear",
  "DequantizeLinear",
  "Clip",
]);
/** Layers that map features to logits, by the input that is a weight. */
const linear = new Set(["Gemm", "MatMul", "Conv"]);

/**
 * Finds the classifier of an image network.
 *
 * @throws GraftError (`data`) where the graph does not end in one; the remedy is `--cut`
 */
export function findClassifier(graph: Graph, source: string): Classifier {
  const { producer } = lookup(graph);
  const isConstant = (tensor: string): boolean => graph.initializers.has(tensor) || producer(tensor)?.op === "Constant";
  for (const output of graph.outputs) {
    let tensor = output.name;
    for (let node = producer(tensor); node; node = producer(tensor)) {
      const [data, ...others] = node.inputs.filter((input) => input !== "" && !isConstant(input));
      // Two inputs that depend on the picture: a residual sum or an attention product, not a classifier with its bias.
      if (data === undefined || others.length > 0) break;
      if (linear.has(node.op) && node.inputs.some(isConstant)) return { cut: data, layer: node };
      if (!passedThrough.has(node.op)) break;
      tensor = data;
    }
  }
  throw dataError(`No classifier was found at the end of ${source}: name the tensor to cut at with --cut TENSOR.`);
}
