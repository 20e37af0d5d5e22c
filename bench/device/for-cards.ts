/**
 * Rewrites of a step graph that ONNX Runtime's WebGPU provider (1.30) needs to run it in one piece: it has no `LogSoftmax` and no
 * `Sum`, and the processor would take those over, with copies to and fro. The same function of the same inputs.
 */
import { type Graph, intAttribute, type Node, node } from "../../src/graph/model.ts";
import { int64Tensor } from "../../src/graph/tensor.ts";

/** A graph without the operators that graphics cards lack. */
export function forCards(graph: Graph): Graph {
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.flatMap((of) => {
    if (of.op === "Sum") return sumOf(of);
    if (of.op !== "LogSoftmax") return [of];
    const axes = `${of.name}/axes`;
    initializers.set(axes, int64Tensor([1], [intAttribute(of, "axis", -1)]));
    return logSoftmaxOf(of, axes);
  });
  return { ...graph, nodes, initializers };
}

/** As a tree of additions, so that none waits for all the others. */
function sumOf({ name, inputs, outputs }: Node): Node[] {
  if (inputs.length === 1) return [node("Identity", inputs, outputs)];
  const nodes: Node[] = [];
  let level = inputs;
  for (let depth = 0; level.length > 1; depth++) {
    const next: string[] = [];
    for (let i = 0; i + 1 < level.length; i += 2) {
      const sum = level.length === 2 ? outputs[0]! : `${name}/sum${depth}.${i}`;
      nodes.push(node("Add", [level[i]!, level[i + 1]!], [sum]));
      next.push(sum);
    }
    if (level.length % 2 === 1) next.push(level.at(-1)!);
    level = next;
  }
  return nodes;
}

/** x − max − log Σ exp(x − max), over one axis. */
function logSoftmaxOf({ name, inputs, outputs }: Node, axes: string): Node[] {
  const at = (part: string): string => `${name}/${part}`;
  return [
    node("ReduceMax", [inputs[0]!, axes], [at("max")], { keepdims: 1 }),
    node("Sub", [inputs[0]!, at("max")], [at("shifted")]),
    node("Exp", [at("shifted")], [at("exp")]),
    node("ReduceSum", [at("exp"), axes], [at("sum")], { keepdims: 1 }),
    node("Log", [at("sum")], [at("log")]),
    node("Sub", [at("shifted"), at("log")], outputs),
  ];
}
