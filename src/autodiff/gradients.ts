/**
 * Reverse-mode differentiation of an ONNX graph: goes back from the loss and adds, for every node between a trainable parameter and
 * the loss, the nodes of its operator's rule. The result is an ordinary ONNX graph. Lists all rules, which are in `rules/`, and writes
 * docs/operators.md from them; training is in training-step.ts.
 *
 * Source of the method: Baydin et al., "Automatic Differentiation in Machine Learning: a Survey" (arXiv 1502.05767), §3.2.
 */
import { dataError, usageError } from "../base/errors.ts";
import { tensorsRead } from "../onnx/analysis/dataflow.ts";
import { elementCount, type Graph, type Node, type TensorShape } from "../onnx/model.ts";
import { calledBy, type Differentiation, type RuleTable, Site, type Surroundings } from "./gradient-rule.ts";
import type { Ref } from "./graph-builder.ts";
import { floatTensor, Operations } from "./graph-operations.ts";
import { constants } from "./known-values.ts";
import { activation } from "./rules/activation-rules.ts";
import { arithmetic, elementwise, matrix } from "./rules/arithmetic-rules.ts";
import { convolution } from "./rules/convolution-rules.ts";
import { normalise } from "./rules/normalisation-rules.ts";
import { pool, reduce } from "./rules/reduction-rules.ts";
import { gathering, shape } from "./rules/reshape-rules.ts";
import { resizing } from "./rules/resize-rules.ts";

/** Type and shape of every tensor of a graph. */
export type Shapes = ReadonlyMap<string, TensorShape>;

/** A graph with the type and shape of each of its tensors. */
export interface ShapedGraph {
  readonly graph: Graph;
  readonly shapes: Shapes;
}

export interface Gradients {
  /** The given graph, followed by the nodes of the gradients; its outputs are followed by the gradients. */
  readonly graph: Graph;
  /** The name of the tensor with the gradient of the loss with respect to each parameter, in the shape of the parameter. */
  readonly gradientOf: ReadonlyMap<string, string>;
}

/**
 * Adds the gradient of a loss to a graph.
 *
 * @param graph in topological order and operator set 18 or later
 * @param shapes of every tensor of the graph; static, so that the shapes of the gradients are constants
 * @param loss a tensor with one floating-point element
 * @param parameters tensors (initializers, inputs or computed) to differentiate with respect to
 * @throws GraftError (`usage`) if the loss does not depend on a parameter; (`data`) if an operator in between has no rule
 */
export function gradients(graph: Graph, shapes: Shapes, loss: string, parameters: readonly string[]): Gradients {
  const build = new Operations(allTensors(graph));
  const totals = backward(graph, shapes, loss, parameters, build);
  const outputs = [...totals.values()].map(({ name, type, dims }) => ({ name, type, dims }));
  return {
    graph: {
      ...graph,
      nodes: [...graph.nodes, ...build.nodes],
      initializers: new Map([...graph.initializers, ...build.initializers]),
      outputs: [...graph.outputs, ...outputs],
    },
    gradientOf: new Map([...totals].map(([parameter, { name }]) => [parameter, name])),
  };
}

/** The names of all tensors of a graph. */
export const allTensors = (graph: Graph): string[] => [
  ...graph.inputs.map(({ name }) => name),
  ...graph.initializers.keys(),
  ...graph.nodes.flatMap(({ outputs }) => outputs),
];

/** Like {@link gradients}, but adds to a builder that the caller continues to use. Returns the gradient of each parameter. */
export function backward(
  graph: Graph,
  shapes: Shapes,
  loss: string,
  parameters: readonly string[],
  build: Operations,
): ReadonlyMap<string, Ref> {
  const around = surroundings(graph, shapes, build);
  const lossShape = around.shape(loss);
  if (elementCount(lossShape.dims) !== 1)
    throw usageError(`The loss "${loss}" has shape [${lossShape.dims}], not one value.`);
  const wanted = onThePath(graph, around, loss, parameters);
  const contributions = new Map<string, Ref[]>();
  const contribute = (tensor: string, gradient: Ref): void => {
    contributions.set(tensor, [...(contributions.get(tensor) ?? []), gradient]);
  };
  const totals = new Map<string, Ref>();
  const total = (tensor: string): Ref | undefined => {
    const parts = contributions.get(tensor);
    if (!parts) return undefined;
    const sum = totals.get(tensor) ?? build.total(parts);
    totals.set(tensor, sum);
    return sum;
  };

  contribute(loss, build.constant(floatTensor(lossShape.type, lossShape.dims, [1])));
  for (const node of graph.nodes.toReversed()) {
    if (!node.outputs.some((output) => contributions.has(output))) continue;
    if (!node.inputs.some((input) => wanted.has(input))) continue;
    build.scope = `gradient/${calledBy(node)}`;
    const site = new Site(
      node,
      around,
      node.outputs.map((output) => total(output)),
    );
    const found = differentiationOf(node);
    if (!found) {
      throw dataError(
        `${site.called} has no gradient rule: freeze the layers up to it (docs/operators.md lists what can be trained).`,
      );
    }
    if (found.kind === "none") continue;
    const towards = found.rule(site);
    for (const [index, input] of node.inputs.entries()) {
      if (!wanted.has(input)) continue;
      const gradient = towards[index];
      if (!gradient) throw site.unsupported(`a trainable input ${index}`);
      contribute(input, build.sumTo(gradient(), around.shape(input).dims));
    }
  }
  build.scope = "";
  return new Map(
    parameters.map((parameter) => {
      const sum = total(parameter);
      if (!sum)
        throw usageError(`The loss "${loss}" does not depend on parameter "${parameter}": it cannot be trained.`);
      return [parameter, sum];
    }),
  );
}

function surroundings(graph: Graph, shapes: Shapes, build: Operations): Surroundings {
  const shape = (tensor: string): TensorShape => {
    const known = shapes.get(tensor);
    if (!known) throw dataError(`The shape of tensor "${tensor}" is not known, and its gradient needs it.`);
    return known;
  };
  return { build, shape, ...constants(graph, shapes) };
}

const floating = new Set(["float32", "float64", "float16", "bfloat16"]);

/** The tensors that depend on a parameter and on which the loss depends. Nodes without a gradient interrupt both. */
function onThePath(graph: Graph, around: Surroundings, loss: string, parameters: readonly string[]): Set<string> {
  const passes = (node: Node): boolean => differentiationOf(node)?.kind !== "none";
  const influenced = new Set(parameters);
  for (const node of graph.nodes) {
    if (!passes(node) || !tensorsRead(node).some((input) => influenced.has(input))) continue;
    for (const output of node.outputs) {
      if (output !== "" && floating.has(around.shape(output).type)) influenced.add(output);
    }
  }
  const wanted = new Set(influenced.has(loss) ? [loss] : []);
  for (const node of graph.nodes.toReversed()) {
    if (!passes(node) || !node.outputs.some((output) => wanted.has(output))) continue;
    for (const input of tensorsRead(node)) if (influenced.has(input)) wanted.add(input);
  }
  return wanted;
}

// Operators through which no gradient flows, and why.

const operators = (why: string, names: string): [string, { kind: "none"; why: string }][] =>
  names.split(" ").map((op) => [op, { kind: "none", why }]);

export const none: RuleTable = Object.fromEntries([
  ...operators(
    "constant",
    "Constant ConstantOfShape EyeLike Range RandomNormal RandomUniform RandomNormalLike RandomUniformLike Multinomial Bernoulli",
  ),
  ...operators("depends only on shapes", "Shape Size"),
  ...operators("outputs truth values", "Equal Greater GreaterOrEqual Less LessOrEqual And Or Not Xor IsNaN IsInf"),
  ...operators("outputs indices", "ArgMax ArgMin NonZero OneHot NonMaxSuppression"),
  ...operators("constant between its steps", "Floor Ceil Round Sign"),
]);

// All rules by operator.

/** Rules by subject, in the order of the documentation. */
export const subjects: Readonly<Record<string, RuleTable>> = {
  Convolution: convolution,
  "Matrix products": matrix,
  Pooling: pool,
  Normalisation: normalise,
  "Activation functions": activation,
  Arithmetic: arithmetic,
  "Functions by element": elementwise,
  Reductions: reduce,
  "Shapes and parts": shape,
  "Picking by index": gathering,
  "Resizing and padding": resizing,
  "Without a gradient": none,
};

const table = new Map(Object.values(subjects).flatMap((rules) => Object.entries(rules)));

/** How the operator of a node is differentiated; undefined if Graft has no rule for it. */
export const differentiationOf = ({ domain, op }: Node): Differentiation | undefined =>
  table.get(domain === "" || domain === "ai.onnx" ? op : `${domain}.${op}`);

// The text of docs/operators.md.

const INTRODUCTION = `# Operators that can be trained

Graft computes the backward pass of a network itself. It has one rule per ONNX operator, each checked against finite differences and
PyTorch's autograd. Frozen layers need no rule: an operator that is not listed here matters only if you train a layer before it. In
that case Graft stops and names the node.

This page is generated from the rules: run \`npx vitest run src/autodiff/gradients.document -u\` to update it.
`;

/** The page that lists the operators that can be trained, from the rules. */
export function operatorsPage(): string {
  const sections = Object.entries(subjects).map(([subject, rules]) => `## ${subject}\n\n${listed(rules)}\n`);
  return [INTRODUCTION, ...sections].join("\n");
}

function listed(rules: RuleTable): string {
  const rows = Object.entries(rules).map(([op, how]) => `| ${op} | ${remark(how)} |`);
  const heading = Object.values(rules).every(({ kind }) => kind === "none") ? "reason" : "support";
  return [`| operator | ${heading} |`, "|---|---|", ...rows].join("\n");
}

const remark = (how: Differentiation): string => (how.kind === "none" ? how.why : (how.limits ?? "complete"));
