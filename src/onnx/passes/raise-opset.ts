/**
 * Upgrades older models to the operator set that Graft writes, with one row per operator whose form or meaning changed.
 * Source: the ONNX operator changelog (versions 7 to 18). Newer models stay unchanged.
 */
import { dataError } from "../../base/errors.ts";
import {
  type Attribute,
  float32Tensor,
  GRAFT_IR_VERSION,
  GRAFT_OPSET,
  type Graph,
  int64Tensor,
  intAttribute,
  type Model,
  type Node,
  type Tensor,
} from "../model.ts";

/** Adds a constant for the node that is being rewritten and returns its name. */
type AddConstant = (suffix: string, tensor: Tensor) => string;
type Rewrite = (node: Node, constant: AddConstant) => Node;

interface Change {
  /** The operator set with the new form; older models are rewritten. */
  readonly since: number;
  readonly rewrite: Rewrite;
}

const without = (node: Node, ...names: string[]): Readonly<Record<string, Attribute>> =>
  Object.fromEntries(Object.entries(node.attributes).filter(([name]) => !names.includes(name)));

/** An integer-list attribute that became an input. */
const listToInput =
  (name: string, position: number): Rewrite =>
  (node, constant) => {
    const list = node.attributes[name];
    if (list?.type !== "ints") return node;
    const inputs = [...node.inputs];
    while (inputs.length < position) inputs.push("");
    inputs[position] = constant(name, int64Tensor([list.value.length], list.value));
    return { ...node, inputs, attributes: without(node, name) };
  };

/** `min` and `max` of Clip became inputs. */
const clip: Rewrite = (node, constant) => {
  const bound = (name: string): string => {
    const value = node.attributes[name];
    return value?.type === "float" ? constant(name, float32Tensor([], [value.value])) : "";
  };
  return {
    ...node,
    inputs: [...node.inputs.slice(0, 1), bound("min"), bound("max")],
    attributes: without(node, "min", "max"),
  };
};

/** `pads` and `value` of Pad became inputs. */
const pad: Rewrite = (node, constant) => {
  const moved = listToInput("pads", 1)(node, constant);
  const value = node.attributes.value;
  const inputs =
    value?.type === "float" ? [...moved.inputs, constant("value", float32Tensor([], [value.value]))] : moved.inputs;
  return { ...moved, inputs, attributes: without(moved, "value") };
};

const slice: Rewrite = (node, constant) =>
  ["starts", "ends", "axes"].reduce((done, name, index) => listToInput(name, index + 1)(done, constant), node);

/** Softmax used to flatten to two dimensions around `axis`; the last axis means the same before and after. */
const softmax: Rewrite = (node) => {
  const axis = intAttribute(node, "axis", 1);
  if (axis === -1 || axis === 1)
    return { ...node, attributes: { ...node.attributes, axis: { type: "int", value: axis } } };
  throw dataError(
    `Node "${node.name}" (${node.op}) has a meaning that changed with opset 13: export the network with opset 18.`,
  );
};

/** Dropout does nothing at inference. */
const dropout: Rewrite = (node) => ({ ...node, op: "Identity", outputs: node.outputs.slice(0, 1), attributes: {} });

const batchNormalization: Rewrite = (node) => ({
  ...node,
  outputs: node.outputs.slice(0, 1),
  attributes: without(node, "spatial"),
});

/** Split without sizes now needs the number of outputs. */
const split: Rewrite = (node) =>
  node.inputs[1]
    ? node
    : { ...node, attributes: { ...node.attributes, num_outputs: { type: "int", value: node.outputs.length } } };

const reduceAxes: readonly Change[] = [{ since: 18, rewrite: listToInput("axes", 1) }];
const unsupported = (since: number): readonly Change[] => [
  {
    since,
    rewrite: (node) => {
      throw dataError(
        `Node "${node.name}" (${node.op}) is in a form older than opset ${since}: export the network with opset 18.`,
      );
    },
  },
];

const changes: Readonly<Record<string, readonly Change[]>> = {
  ReduceMean: reduceAxes,
  ReduceMax: reduceAxes,
  ReduceMin: reduceAxes,
  ReduceProd: reduceAxes,
  ReduceL1: reduceAxes,
  ReduceL2: reduceAxes,
  ReduceLogSum: reduceAxes,
  ReduceLogSumExp: reduceAxes,
  ReduceSumSquare: reduceAxes,
  ReduceSum: [{ since: 13, rewrite: listToInput("axes", 1) }],
  Squeeze: [{ since: 13, rewrite: listToInput("axes", 1) }],
  Unsqueeze: [{ since: 13, rewrite: listToInput("axes", 1) }],
  Split: [
    { since: 13, rewrite: listToInput("split", 1) },
    { since: 18, rewrite: split },
  ],
  Softmax: [{ since: 13, rewrite: softmax }],
  LogSoftmax: [{ since: 13, rewrite: softmax }],
  Clip: [{ since: 11, rewrite: clip }],
  Pad: [{ since: 11, rewrite: pad }],
  Slice: [{ since: 10, rewrite: slice }],
  Dropout: [{ since: 12, rewrite: dropout }],
  BatchNormalization: [{ since: 14, rewrite: batchNormalization }],
  Resize: unsupported(11),
  Upsample: unsupported(10),
  TopK: unsupported(10),
};

/**
 * The same network in operator set {@link GRAFT_OPSET} or later.
 *
 * @throws GraftError (`data`) if a node's old form has no exact counterpart
 */
export function raiseOpset(model: Model): Model {
  const from = model.opsets.get("") ?? GRAFT_OPSET;
  if (from >= GRAFT_OPSET) return model;
  return {
    ...model,
    irVersion: Math.max(model.irVersion, GRAFT_IR_VERSION),
    opsets: new Map([...model.opsets, ["", GRAFT_OPSET]]),
    graph: raiseGraph(model.graph, from),
  };
}

function raiseGraph(graph: Graph, from: number): Graph {
  const initializers = new Map(graph.initializers);
  const nodes = graph.nodes.map((node) => {
    const constant: AddConstant = (suffix, tensor) => {
      const name = `${node.outputs[0]}/${suffix}`;
      initializers.set(name, tensor);
      return name;
    };
    const due = node.domain === "" ? (changes[node.op] ?? []).filter(({ since }) => from < since) : [];
    return due.reduce((done, { rewrite }) => rewrite(done, constant), node);
  });
  return { ...graph, nodes, initializers };
}
