/**
 * Batch norm as from-scratch training needs it: every batch is normalised by its own mean and variance, and the running ones,
 * which answer later, follow them (Ioffe and Szegedy 2015, arXiv 1502.03167). Fine-tuning leaves batch norm as it was.
 */
import type { Carried } from "../../autodiff/step.ts";
import type { Graph } from "../../graph/model.ts";
import type { TensorShape } from "../../graph/tensor.ts";

/** A graph in training mode. */
export interface InTraining {
  readonly graph: Graph;
  readonly shapes: ReadonlyMap<string, TensorShape>;
  /** The running means and variances. */
  readonly carried: readonly Carried[];
}

/** Puts every `BatchNormalization` whose statistics are constants into training mode. */
export function withBatchStatistics(graph: Graph, shapes: ReadonlyMap<string, TensorShape>): InTraining {
  const carried: Carried[] = [];
  const known = new Map(shapes);
  const nodes = graph.nodes.map((node) => {
    const statistics = node.inputs.slice(3);
    if (node.op !== "BatchNormalization" || !statistics.every((name) => graph.initializers.has(name))) return node;
    const next = statistics.map((name) => `${name}/next`);
    statistics.forEach((name, i) => {
      carried.push({ name, next: next[i]! });
      known.set(next[i]!, graph.initializers.get(name)!);
    });
    const attributes = { ...node.attributes, training_mode: { type: "int", value: 1 } as const };
    return { ...node, outputs: [node.outputs[0]!, ...next], attributes };
  });
  return { graph: { ...graph, nodes }, shapes: known, carried };
}
