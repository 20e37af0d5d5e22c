/** The roles of constants in a network, derived from the operators that read them. How each is initialised is decided elsewhere. */
import { dataError } from "../../base/errors.ts";
import { asFloat32, elementCount, intAttribute, intsAttribute, type Node, stringAttribute } from "../../onnx/model.ts";
import type { GraphIndex, Use } from "./graph-index.ts";

/** The role of a constant at one of its uses. */
export type Role =
  /** Multiplies features; each output sums `fanIn` inputs, and each input contributes to `fanOut` outputs. */
  | { readonly kind: "weight"; readonly fanIn: number; readonly fanOut: number; readonly output: string }
  | { readonly kind: "bias" }
  /** The scale of a normalisation or of channels. */
  | { readonly kind: "scale" }
  | { readonly kind: "shift" }
  | { readonly kind: "mean" }
  | { readonly kind: "variance" }
  /** The scale of a residual branch (Touvron et al. 2021, arXiv 2103.17239). */
  | { readonly kind: "layer scale" }
  /** The slope of a parametric rectifier below zero. */
  | { readonly kind: "slope" }
  /** Class token, position embedding, table of embeddings. */
  | { readonly kind: "token" }
  /** Not learned: bounds, epsilons, sizes, preprocessing. */
  | { readonly kind: "constant" };

// One row per operator.

/** Derives a role; undefined if the operator has no such input at this position. */
type Rule = (use: Use, of: GraphIndex) => Role | undefined;

const constant: Role = { kind: "constant" };

const at =
  (...roles: readonly (Role | Rule | undefined)[]): Rule =>
  (use, of) => {
    const role = roles[use.position];
    return typeof role === "function" ? role(use, of) : role;
  };

const weight = ({ node }: Use, fanIn: number, fanOut: number): Role => ({
  kind: "weight",
  fanIn,
  fanOut,
  output: node.outputs[0]!,
});

/** `[M, C / group, …kernel]`. */
const convolution: Rule = (use, of) => {
  const [out = 1, inEach = 1, ...kernel] = of.dims(use.tensor);
  const field = elementCount(kernel);
  return weight(use, inEach * field, (out / intAttribute(use.node, "group", 1)) * field);
};

/** `[C, M / group, …kernel]`; with a stride, each output sums correspondingly fewer inputs. */
const transposedConvolution: Rule = (use, of) => {
  const [channels = 1, outEach = 1, ...kernel] = of.dims(use.tensor);
  const field = elementCount(kernel);
  const stride = elementCount(intsAttribute(use.node, "strides") ?? []);
  const fanIn = ((channels / intAttribute(use.node, "group", 1)) * field) / stride;
  return weight(use, Math.max(1, fanIn), outEach * field);
};

/** `[…, K, N]` on the right, `[…, M, K]` on the left. */
const product: Rule = (use, of) => {
  const dims = of.dims(use.tensor);
  const [rows, columns] = [dims.at(-2) ?? 1, dims.at(-1) ?? 1];
  return use.position === 1 ? weight(use, dims.length > 1 ? rows : columns, columns) : weight(use, columns, rows);
};

const gemm =
  (transposed: string): Rule =>
  (use, of) => {
    const [rows = 1, columns = 1] = of.dims(use.tensor);
    const isTurned = intAttribute(use.node, transposed, 0) !== (use.position === 0 ? 1 : 0);
    return isTurned ? weight(use, columns, rows) : weight(use, rows, columns);
  };

/** Sums over the letters that are missing in the result. */
const einsum: Rule = (use, of) => {
  const [left = "", right = ""] = stringAttribute(use.node, "equation", "").replaceAll(" ", "").split("->");
  const letters = [...(left.split(",")[use.position] ?? "").replace("...", "")];
  const sizes = of.dims(use.tensor).slice(-letters.length || undefined);
  const over = (isSummed: boolean): number =>
    elementCount(sizes.filter((_, i) => !right.includes(letters[i]!) === isSummed));
  return weight(use, over(true), over(false));
};

const normalisation = at(undefined, { kind: "scale" }, { kind: "shift" });
const token: Role = { kind: "token" };
/** A constant that is concatenated to `[N, T, C]` is a token; zeros next to a map's channels are padding. */
const joined: Rule = (use, of) =>
  of.dims(use.node.outputs[0]!).length !== 3 && of.isZero(use.tensor) ? constant : token;

const unlearned = (...operators: string[]): [string, Rule][] => operators.map((op) => [op, () => constant]);

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["Conv", at(undefined, convolution, { kind: "bias" })],
  ["ConvTranspose", at(undefined, transposedConvolution, { kind: "bias" })],
  ["Gemm", at(gemm("transA"), gemm("transB"), { kind: "bias" })],
  ["MatMul", product],
  ["Einsum", einsum],
  ["BatchNormalization", at(undefined, { kind: "scale" }, { kind: "shift" }, { kind: "mean" }, { kind: "variance" })],
  ["LayerNormalization", normalisation],
  ["InstanceNormalization", normalisation],
  ["GroupNormalization", normalisation],
  ["PRelu", at(undefined, { kind: "slope" })],
  ["Gather", at(token)],
  ["Concat", joined],
  ["Add", arithmetic],
  ["Sub", arithmetic],
  ["Mul", arithmetic],
  ["Div", arithmetic],
  ...unlearned("Clip", "Resize", "Upsample", "Pad", "Where", "Max", "Min", "Pow", "Mod", "Greater", "GreaterOrEqual"),
  ...unlearned("Less", "LessOrEqual", "Equal", "Range", "OneHot", "ConstantOfShape", "Dropout", "Shape", "Size"),
]);

/**
 * The role of a constant at one of its uses.
 *
 * @throws GraftError (`data`) if Graft does not know what the operator reads there
 */
export function roleOf(use: Use, of: GraphIndex): Role {
  const { node } = use;
  const rule = node.domain === "" ? rules.get(node.op) : undefined;
  const role = use.position < 0 ? undefined : rule?.(use, of);
  if (role) return role;
  // A single number is a setting: an epsilon, a temperature.
  if (elementCount(of.dims(use.tensor)) === 1) return constant;
  throw dataError(
    `Graft does not know how to initialise "${use.tensor}", which the node "${node.name}" (${called(node)}) reads: pass a network of standard ONNX operators.`,
  );
}

const called = ({ domain, op }: Node): string => (domain === "" ? op : `${domain}'s ${op}`);

// Elementwise arithmetic: the role follows from the constant's shape and position, because exporters write biases, scales, position
// embeddings and the mean of pixels in the same way.

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
