/**
 * The operators whose form or meaning changed between opsets 7 and 18, one row each, and how a node of the old form becomes
 * nodes of the new one. Source: the ONNX operator changelog. Walks no graph.
 */
import { dataError } from "../../base/errors.ts";
import {
  type Attribute,
  asFloat32,
  type Dimension,
  float32Tensor,
  int64Tensor,
  intAttribute,
  type Node,
  node as newNode,
  stringAttribute,
  type Tensor,
} from "../model.ts";

/** What a rewrite may ask about the graph around its node. */
export interface Around {
  /** Adds a constant for the node that is being rewritten and returns its name. */
  constant(suffix: string, tensor: Tensor): string;
  /** The constant tensor of this name, if it is one. */
  constantOf(name: string): Tensor | undefined;
  /** The dimensions of a tensor, if its rank is known. */
  dims(name: string): readonly Dimension[] | undefined;
  /** Whether a node or an output of the graph reads the tensor. */
  isRead(name: string): boolean;
}

type Rewrite = (node: Node, around: Around) => Node | readonly Node[];
/** A rewrite into one node. */
type Replace = (node: Node, around: Around) => Node;

interface Change {
  /** The operator set with the new form; older models are rewritten. */
  readonly since: number;
  readonly rewrite: Rewrite;
}

const refuse = (node: Node, why: string): never => {
  throw dataError(`Node "${node.name}" (${node.op}) ${why}`);
};

const without = (node: Node, ...names: string[]): Readonly<Record<string, Attribute>> =>
  Object.fromEntries(Object.entries(node.attributes).filter(([name]) => !names.includes(name)));

/** An integer-list attribute that became an input. */
const listToInput =
  (name: string, position: number): Replace =>
  (node, { constant }) => {
    const list = node.attributes[name];
    if (list?.type !== "ints") return node;
    const inputs = [...node.inputs];
    while (inputs.length < position) inputs.push("");
    inputs[position] = constant(name, int64Tensor([list.value.length], list.value));
    return { ...node, inputs, attributes: without(node, name) };
  };

/** `min` and `max` of Clip became inputs. */
const clip: Replace = (node, { constant }) => {
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
const pad: Replace = (node, around) => {
  const moved = listToInput("pads", 1)(node, around);
  const value = node.attributes.value;
  const inputs =
    value?.type === "float"
      ? [...moved.inputs, around.constant("value", float32Tensor([], [value.value]))]
      : moved.inputs;
  return { ...moved, inputs, attributes: without(moved, "value") };
};

const slice: Replace = (node, around) =>
  ["starts", "ends", "axes"].reduce((done, name, index) => listToInput(name, index + 1)(done, around), node);

/**
 * Softmax, LogSoftmax and Hardmax used to flatten to two dimensions at `axis` and to normalise each row. That is the same as today
 * if all trailing dimensions but one are 1. Otherwise the input is flattened, and the result gets the input's shape, which is read
 * at run time so that the batch stays free.
 */
const softmax: Rewrite = (node, { dims }) => {
  const written = intAttribute(node, "axis", 1);
  const along = (axis: number): Node => ({
    ...node,
    attributes: { ...node.attributes, axis: { type: "int", value: axis } },
  });
  if (written === -1) return along(-1);
  const [input = "", output = ""] = [node.inputs[0], node.outputs[0]];
  const known = dims(input);
  if (known) {
    const axis = written < 0 ? written + known.length : written;
    const longer = known.flatMap((size, index) => (index >= axis && size !== 1 ? [index] : []));
    if (longer.length === 0 || (longer.length === 1 && longer[0] === axis)) return along(written);
    if (longer.length === 1) return along(longer[0]!);
  }
  const [rows, normalised, shape] = [`${output}/rows`, `${output}/normalised`, `${output}/shape`];
  return [
    newNode("Flatten", [input], [rows], { axis: written }),
    { ...along(-1), inputs: [rows], outputs: [normalised] },
    newNode("Shape", [input], [shape]),
    { ...newNode("Reshape", [normalised, shape], [output]), name: `${output}/reshaped` },
  ];
};

/** Dropout does nothing at inference. */
const dropout: Rewrite = (node, { isRead }) => {
  if (node.outputs.slice(1).some(isRead))
    refuse(node, "has a mask that the network uses, which exists in training only: export the network in eval mode.");
  return { ...node, op: "Identity", outputs: node.outputs.slice(0, 1), attributes: {} };
};

/** More outputs than one meant training: the statistics of each batch instead of the stored ones. */
const batchNormalization: Rewrite = (node) => {
  if (node.outputs.slice(1).some((name) => name !== ""))
    refuse(node, "normalises with the statistics of each batch, as in training: export the network in eval mode.");
  if (intAttribute(node, "spatial", 1) === 0)
    refuse(
      node,
      "has statistics for each pixel (spatial = 0), which opset 9 removed: export the network with opset 18.",
    );
  return { ...node, outputs: node.outputs.slice(0, 1), attributes: without(node, "spatial") };
};

/** `scales` of Upsample was an attribute before it was an input. */
const upsampleScales: Replace = (node, { constant }) => {
  const scales = node.attributes.scales;
  if (scales?.type !== "floats") return refuse(node, "has no scales: export the network with opset 18.");
  const inputs = [...node.inputs.slice(0, 1), constant("scales", float32Tensor([scales.value.length], scales.value))];
  return { ...node, inputs, attributes: without(node, "scales") };
};

/**
 * Upsample and the first Resize count from corners of pixels without an offset. ONNX Runtime rounds the nearest pixel down when it
 * enlarges and up when it shrinks.
 */
const resize: Rewrite = (node, { constantOf }) => {
  const [input = "", scales = ""] = node.inputs;
  const tensor = constantOf(scales);
  const factors = tensor?.type === "float32" ? [...asFloat32(tensor)] : undefined;
  const isNearest = stringAttribute(node, "mode", "nearest") === "nearest";
  const mayShrink = node.op === "Resize" && isNearest && (factors?.some((factor) => factor < 1) ?? true);
  if (mayShrink && !factors?.every((factor) => factor <= 1))
    refuse(
      node,
      "enlarges or shrinks to the nearest pixel in a form older than opset 11: export the network with opset 18.",
    );
  return {
    ...node,
    op: "Resize",
    inputs: [input, "", scales],
    attributes: {
      ...node.attributes,
      coordinate_transformation_mode: { type: "string", value: "asymmetric" },
      ...(isNearest && { nearest_mode: { type: "string", value: mayShrink ? "ceil" : "floor" } }),
    },
  };
};

/** `k` of TopK became an input. */
const topK: Rewrite = (node, { constant }) => ({
  ...node,
  inputs: [...node.inputs.slice(0, 1), constant("k", int64Tensor([1], [intAttribute(node, "k", 1)]))],
  attributes: without(node, "k"),
});

/** RoiAlign used to put no offset on coordinates. */
const roiAlign: Rewrite = (node) => ({
  ...node,
  attributes: { ...node.attributes, coordinate_transformation_mode: { type: "string", value: "output_half_pixel" } },
});

/** Split without sizes now needs the number of outputs. */
const split: Rewrite = (node) =>
  node.inputs[1]
    ? node
    : { ...node, attributes: { ...node.attributes, num_outputs: { type: "int", value: node.outputs.length } } };

const reduceAxes: readonly Change[] = [{ since: 18, rewrite: listToInput("axes", 1) }];
/** Of the operators that flattened at their axis. */
export const softmaxes: readonly Change[] = [{ since: 13, rewrite: softmax }];
const unsupported = (since: number): readonly Change[] => [
  {
    since,
    rewrite: (node) => refuse(node, `is in a form older than opset ${since}: export the network with opset 18.`),
  },
];

/** By operator; of an operator with several changes, the earliest first. */
export const changes: Readonly<Record<string, readonly Change[]>> = {
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
  Softmax: softmaxes,
  LogSoftmax: softmaxes,
  Hardmax: softmaxes,
  Clip: [{ since: 11, rewrite: clip }],
  Pad: [{ since: 11, rewrite: pad }],
  Slice: [{ since: 10, rewrite: slice }],
  Dropout: [{ since: 12, rewrite: dropout }],
  BatchNormalization: [{ since: 14, rewrite: batchNormalization }],
  Upsample: [
    { since: 9, rewrite: upsampleScales },
    { since: 10, rewrite: resize },
  ],
  Resize: [{ since: 11, rewrite: resize }],
  TopK: [{ since: 10, rewrite: topK }],
  Scatter: [{ since: 11, rewrite: (node) => ({ ...node, op: "ScatterElements" }) }],
  RoiAlign: [{ since: 16, rewrite: roiAlign }],
  // The first Scan had a batch dimension.
  Scan: unsupported(9),
  // Experimental operators, which opset 10 removed.
  Affine: unsupported(10),
  Crop: unsupported(10),
  ImageScaler: unsupported(10),
  ParametricSoftplus: unsupported(10),
  ScaledTanh: unsupported(10),
};
