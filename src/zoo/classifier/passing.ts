/**
 * What exporters put behind a classifier, on the way from its logits to the network's output. One row an operator: does
 * the value behind it still stand for the logits before it?
 */
import type { Node } from "../../graph/model.ts";
import { elementCount } from "../../graph/tensor.ts";
import type { Known } from "./known.ts";

/**
 * `plain`: moves, reshapes or rescales. `probable`: only logits are treated so. `weak` (pooling) and `active`
 * (activations): behind logits in some networks (SqueezeNet), behind features in others; evidence is needed from elsewhere.
 */
export type Passing = "plain" | "probable" | "weak" | "active";

type Rule = Passing | ((node: Node, known: Known) => Passing | undefined);

/** By one constant for all: a temperature, an average of two. A constant each would be the scale of a normalisation. */
const scalarOnly = (node: Node, { flow, shapes }: Known): Passing | undefined => {
  const constants = node.inputs.filter((input) => flow.dependence(input) !== "values");
  return constants.every((name) => elementCount(shapes.get(name)?.dims ?? []) === 1) ? "plain" : undefined;
};

/** Pooling that leaves one vector an image. */
const pooled = (node: Node, { shapes }: Known): Passing | undefined => {
  const to = shapes.get(node.outputs[0] ?? "")?.dims.slice(1) ?? [];
  return to.filter((size) => size > 1).length <= 1 ? "weak" : undefined;
};

const of = (passing: Passing, ...operators: string[]): [string, Rule][] => operators.map((op) => [op, passing]);

const rules: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ...of("probable", "Softmax", "LogSoftmax", "Sigmoid", "HardSigmoid"),
  ...of("plain", "Flatten", "Reshape", "Squeeze", "Unsqueeze", "Identity", "Cast", "Transpose", "Dropout"),
  ...of("plain", "QuantizeLinear", "DequantizeLinear", "Slice", "Gather", "Add", "Sub"),
  ...of("active", "Clip", "Relu"),
  ["Mul", scalarOnly],
  ["Div", scalarOnly],
  ["GlobalAveragePool", pooled],
  ["AveragePool", pooled],
  ["ReduceMean", pooled],
]);

/** How a value passes through a node on its way out; nothing where it becomes something else. */
export function passingOf(node: Node, known: Known): Passing | undefined {
  const rule = rules.get(node.op);
  return typeof rule === "function" ? rule(node, known) : rule;
}
