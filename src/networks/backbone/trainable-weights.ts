/**
 * How many of a network's weight values can be trained, and why the others cannot. Chooses nothing: which constants are parameters is
 * decided in autodiff/. Quantised networks train in float32.
 */

import { differentiationOf } from "../../autodiff/gradients.ts";
import { parametersOf } from "../../autodiff/training-step.ts";
import { type Dataflow, dataflow } from "../../onnx/analysis/dataflow.ts";
import { elementCount, type Graph } from "../../onnx/model.ts";
import { cutGraph } from "../../onnx/passes/cut-and-merge.ts";
import { dequantise } from "../../onnx/passes/dequantise-graph.ts";
import { type Network, parameterNames } from "../network.ts";

/** How many weight values train. */
export interface TrainableWeights {
  readonly trained: number;
  /** Of how many: those of the stages that are to train, without the running statistics of batch norms. */
  readonly of: number;
  /** If less than 95% train: which do not, and why, in one sentence. */
  readonly leftOut?: string | undefined;
}

const ENOUGH = 0.95;
/** Names in the sentence. */
const NAMED = 3;

/**
 * Counts the weight values up to the cut that train.
 *
 * @param trained the names of the parameters that train. Default: all that could
 * @param frozenUntil the tensor where the frozen part ends; its weights do not count. Default: nothing is frozen
 */
export function trainableWeights(
  graph: Graph,
  cut: string,
  trained?: ReadonlySet<string>,
  frozenUntil?: string,
): TrainableWeights {
  const part = dequantise(cutGraph(graph, [{ name: cut, type: "float32" }]));
  const names = trained ?? new Set(parametersOf(part).map(({ name }) => name));
  const frozen = frozenUntil === undefined ? undefined : cutGraph(part, [{ name: frozenUntil }]).initializers;
  const statistics = new Set(
    part.nodes.flatMap(({ op, inputs }) => (op === "BatchNormalization" ? inputs.slice(3) : [])),
  );
  const wanted = parameterNames(part).filter((name) => !statistics.has(name) && !frozen?.has(name));
  const size = (name: string): number => elementCount(part.initializers.get(name)!.dims);
  const total = (list: readonly string[]): number => list.reduce((sum, name) => sum + size(name), 0);
  const out = wanted.filter((name) => !names.has(name));
  const [of, missing] = [total(wanted), total(out)];
  const counts = { trained: of - missing, of };
  if (counts.trained >= ENOUGH * of) return counts;
  return {
    ...counts,
    leftOut: sentence(
      part,
      out.sort((a, b) => size(b) - size(a)),
      missing / of,
    ),
  };
}

function sentence(graph: Graph, out: readonly string[], share: number): string {
  const more = out.length > NAMED ? ` and ${out.length - NAMED} more` : "";
  const named = `${out
    .slice(0, NAMED)
    .map((name) => `"${name}"`)
    .join(", ")}${more}`;
  const { dependence } = dataflow(graph);
  const reasons = [...new Set(out.map((name) => reasonFor(graph, dependence, name)))].slice(0, NAMED);
  return `${(100 * share).toFixed(0)}% of the weight values do not train, the largest in ${named}: ${reasons.join("; ")}.`;
}

/** Why a constant does not train: the first operator through which no gradient flows back to it. */
function reasonFor(graph: Graph, dependence: Dataflow["dependence"], name: string): string {
  for (let tensor = name; ; ) {
    const reader = graph.nodes.find(({ inputs }) => inputs.includes(tensor));
    if (!reader) return "no layer reads them";
    if (differentiationOf(reader)?.kind !== "rule") return `${reader.op} has no gradient`;
    const [output = ""] = reader.outputs;
    if (dependence(output) === "values") return `${reader.op} reads them as settings, not as weights`;
    tensor = output;
  }
}

/** The network in float32 if it is quantised, since integers cannot be trained; any other network unchanged. */
export function inFloat32(network: Network): Network {
  const graph = dequantise(network.model.graph);
  return graph === network.model.graph ? network : { ...network, model: { ...network.model, graph } };
}
