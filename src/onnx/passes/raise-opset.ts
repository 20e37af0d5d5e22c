/**
 * Upgrades older models to the operator set that Graft writes. Newer models stay unchanged. Which operators changed, and how, is in
 * opset-changes.ts.
 */
import { lookup } from "../analysis/dataflow.ts";
import {
  type Dimension,
  GRAFT_IR_VERSION,
  GRAFT_OPSET,
  type Graph,
  intAttribute,
  type Model,
  type Node,
} from "../model.ts";
import { type Around, changes, softmaxes } from "./opset-changes.ts";
import { constantOf } from "./simplify.ts";

/** The dimensions of tensors whose rank is known, by name. */
export type KnownDims = ReadonlyMap<string, readonly Dimension[]>;

/**
 * The tensors whose dimensions {@link raiseOpset} can use: without them it flattens where it need not, and the result is right but
 * longer.
 */
export const tensorsToMeasure = ({ graph, opsets }: Model): readonly string[] =>
  (opsets.get("") ?? GRAFT_OPSET) >= 13
    ? []
    : graph.nodes.flatMap((node) =>
        node.domain === "" && changes[node.op] === softmaxes && intAttribute(node, "axis", 1) !== -1
          ? node.inputs.slice(0, 1)
          : [],
      );

/**
 * The same network in operator set {@link GRAFT_OPSET} or later.
 *
 * @param known what is known of {@link tensorsToMeasure}
 * @throws GraftError (`data`) if a node's old form has no exact counterpart
 */
export function raiseOpset(model: Model, known: KnownDims = new Map()): Model {
  const from = model.opsets.get("") ?? GRAFT_OPSET;
  if (from >= GRAFT_OPSET) return model;
  return {
    ...model,
    irVersion: Math.max(model.irVersion, GRAFT_IR_VERSION),
    opsets: new Map([...model.opsets, ["", GRAFT_OPSET]]),
    graph: raiseGraph(model.graph, from, known),
  };
}

function raiseGraph(graph: Graph, from: number, known: KnownDims): Graph {
  const initializers = new Map(graph.initializers);
  const { consumers } = lookup(graph);
  const outputs = new Set(graph.outputs.map(({ name }) => name));
  const constants = new Map(graph.initializers);
  for (const node of graph.nodes) {
    const tensor = constantOf(node);
    if (tensor) constants.set(node.outputs[0] ?? "", tensor);
  }
  const nodes = graph.nodes.flatMap((node) => {
    const around: Around = {
      constant: (suffix, tensor) => {
        const name = `${node.outputs.find((output) => output !== "")}/${suffix}`;
        initializers.set(name, tensor);
        constants.set(name, tensor);
        return name;
      },
      constantOf: (name) => constants.get(name),
      dims: (name) => known.get(name),
      isRead: (name) => name !== "" && (outputs.has(name) || consumers(name).length > 0),
    };
    const due = node.domain === "" ? (changes[node.op] ?? []).filter(({ since }) => from < since) : [];
    return due.reduce<readonly Node[]>(
      (done, { rewrite }) => done.flatMap((each) => rewrite(each, around)),
      [raiseBodies(node, from)],
    );
  });
  return { ...graph, nodes, initializers };
}

/** A node with the subgraphs of If, Loop and Scan raised. The dimensions of their tensors are not known. */
function raiseBodies(node: Node, from: number): Node {
  if (!Object.values(node.attributes).some(({ type }) => type === "graph")) return node;
  const attributes = Object.entries(node.attributes).map(([name, attribute]) => [
    name,
    attribute.type === "graph" ? { ...attribute, value: raiseGraph(attribute.value, from, new Map()) } : attribute,
  ]);
  return { ...node, attributes: Object.fromEntries(attributes) };
}
