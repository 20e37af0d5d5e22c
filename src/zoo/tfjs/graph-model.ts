/** Reads the graph of a TensorFlow model in TensorFlow.js' JSON (`modelTopology.node`) and builds the ONNX graph in order. */
import { dataError } from "../../base/errors.ts";
import type { Graph } from "../../graph/model.ts";
import { attributesOf } from "./attributes.ts";
import { createBuilder, type Place } from "./builder.ts";
import type { Operation } from "./graph-operation.ts";
import { convertOperation } from "./graph-ops.ts";
import { inOrder } from "./in-order.ts";
import { type Json, listOf, numberOf, recordOf, textOf } from "./json.ts";
import type { Weight } from "./weights.ts";

interface GraphNode {
  readonly name: string;
  readonly op: string;
  readonly attributes: Readonly<Record<string, Json>>;
  readonly from: readonly string[];
}

/** Converts the graph of `modelTopology`. The input is called `input`; tensors keep the names of their nodes. */
export function convertGraphModel(topology: Json, weights: ReadonlyMap<string, Weight>, source: string): Graph {
  const nodes = listOf(recordOf(topology, `the graph of ${source}`).node, `the nodes of ${source}`).map((value) =>
    readNode(value, source),
  );
  const builder = createBuilder(weights, source);
  const places = new Map<string, Place>();
  const constants = new Map<string, Weight>();
  let input: Place | undefined;
  for (const node of inOrder(nodes, source)) {
    if (node.op === "Placeholder") {
      if (input) throw dataError(`${source} has more than one input, but Graft needs a network with one image input.`);
      input = placeholder(node, source);
      places.set(node.name, input);
    } else if (node.op === "Const") {
      constants.set(node.name, builder.weight(node.name));
    } else {
      const first = node.from[0];
      const constant = first === undefined ? undefined : constants.get(first);
      if (node.op === "Identity" && constant) {
        constants.set(node.name, constant);
        continue;
      }
      const operation: Operation = {
        name: node.name,
        attributes: attributesOf(node.attributes, node.name),
        inputs: node.from.map((name) => places.get(name) ?? constants.get(name)!),
      };
      places.set(node.name, convertOperation(builder, node.op, operation));
    }
  }
  if (!input) throw dataError(`${source} has no input: the model is damaged.`);
  const read = new Set(nodes.flatMap(({ from }) => from));
  const outputs = [...places].filter(([name]) => !read.has(name)).map(([, place]) => place);
  return builder.finish(input, outputs);
}

function readNode(value: Json, source: string): GraphNode {
  const node = recordOf(value, `a node of ${source}`);
  const name = textOf(node.name, `a node's name in ${source}`);
  const from = listOf(node.input ?? [], `the inputs of "${name}"`)
    .map((input) => textOf(input, `an input of "${name}"`))
    // `^name` is a control dependency.
    .filter((input) => !input.startsWith("^"))
    .map((input) => input.replace(/:0$/, ""));
  return {
    name,
    op: textOf(node.op, `the operation of "${name}"`),
    attributes: recordOf(node.attr ?? {}, `the attributes of "${name}"`),
    from,
  };
}

function placeholder({ name, attributes }: GraphNode, source: string): Place {
  const what = `the input shape of "${name}" in ${source}`;
  const dims = listOf(recordOf(recordOf(attributes.shape, what).shape, what).dim, what).map((size) =>
    numberOf(Number(recordOf(size, what).size), what),
  );
  const [, height, width, channels] = dims;
  const isSize = (size: number | undefined): size is number => Number.isInteger(size) && size! > 0;
  if (dims.length !== 4 || !isSize(height) || !isSize(width) || channels !== 3)
    throw dataError(`${source} takes [${dims}], not images with three channels and a fixed size.`);
  return { name: "input", shape: { kind: "map", height, width, channels } };
}
