/**
 * The operators between a classifier's logits and the network's output. One row per operator: whether its output still represents its
 * input's logits.
 */
import type { Node } from "../../graph/model.ts";
import { elementCount } from "../../graph/tensor.ts";
import type { IndexedGraph } from "./known.ts";

/**
 * `plain`: moves, reshapes or rescales. `probable`: applied to logits only. `weak` (pooling) and `active` (activations): applied to
 * logits in some networks (SqueezeNet) and to features in others, so that other evidence is needed.
 */
export type LogitEffect = "plain" | "probable" | "weak" | "active";

type Rule = LogitEffect | ((node: Node, known: IndexedGraph) => LogitEffect | undefined);

/** A factor for all values: a temperature, an average of two. One factor per value would be the scale of a normalisation. */
const scalarOnly = (node: Node, { flow, shapes }: IndexedGraph): LogitEffect | undefined => {
  const constants = node.inputs.filter((input) => flow.dependence(input) !== "values");
  return constants.every((name) => elementCount(shapes.get(name)?.dims ?? []) === 1) ? "plain" : undefined;
};

/** Pooling to one vector per image. */
const pooled = (node: Node, { shapes }: IndexedGraph): LogitEffect | undefined => {
  const to = shapes.get(node.outputs[0] ?? "")?.dims.slice(1) ?? [];
  return to.filter((size) => size > 1).length <= 1 ? "weak" : undefined;
};

const of = (effect: LogitEffect, ...operators: string[]): [string, Rule][] => operators.map((op) => [op, effect]);

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

/** The effect of a node on logits; undefined if its output is something else. */
export function logitEffectOf(node: Node, known: IndexedGraph): LogitEffect | undefined {
  const rule = rules.get(node.op);
  return typeof rule === "function" ? rule(node, known) : rule;
}
