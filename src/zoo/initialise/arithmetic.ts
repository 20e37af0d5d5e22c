/**
 * The role of a constant in elementwise arithmetic, derived from its shape and position: exporters write biases, scales, position
 * embeddings and the mean of pixels in the same way.
 */
import { asFloat32, elementCount } from "../../graph/tensor.ts";
import type { GraphIndex } from "./anatomy.ts";
import type { Role } from "./role.ts";
import type { Use } from "./uses.ts";

/** Attention masks contain only 0 and numbers below this, whose softmax is 0. */
const MASKED = -10;

/** The role of a constant operand of Add, Sub, Mul or Div. */
export function arithmetic(use: Use, of: GraphIndex): Role {
  const { node, position, tensor } = use;
  const dims = of.dims(tensor);
  const other = node.inputs[1 - position] ?? "";
  // Single numbers are settings (½ in GELU, the root of the width in attention); before all layers, it is preprocessing.
  if (elementCount(dims) === 1 || of.isRaw(other)) return { kind: "constant" };
  const isPerChannel = dims.filter((size) => size > 1).length === 1;
  if (node.op === "Add" || node.op === "Sub") {
    if (isPerChannel) return { kind: "bias" };
    return isMask(tensor, of) ? { kind: "constant" } : { kind: "token" };
  }
  // Numbers along several axes are a table: windows, the sines of rotary positions.
  if (!isPerChannel) return { kind: "constant" };
  return { kind: node.op === "Mul" && endsBranch(node.outputs[0]!, of) ? "layer scale" : "scale" };
}

/** Whether a tensor is added to a residual connection next. */
function endsBranch(tensor: string, { made, flow }: GraphIndex): boolean {
  const passing = new Set(["Transpose", "Reshape", "Identity", "Dropout", "Cast"]);
  let readers = made.consumers(tensor);
  while (readers.length === 1 && passing.has(readers[0]!.op)) readers = made.consumers(readers[0]!.outputs[0]!);
  const [reader] = readers;
  return readers.length === 1 && reader?.op === "Add" && flow.data(reader).length === 2;
}

function isMask(tensor: string, { graph }: GraphIndex): boolean {
  const held = graph.initializers.get(tensor);
  if (held?.type !== "float32") return false;
  const values = asFloat32(held);
  return values.every((value) => value === 0 || value <= MASKED) && values.some((value) => value !== 0);
}
