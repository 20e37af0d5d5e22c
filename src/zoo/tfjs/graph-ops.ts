/** Converts TensorFlow's operations to ONNX nodes: one row per operation. Outputs are named after their nodes. */
import { dataError } from "../../base/errors.ts";
import { activate } from "./activations.ts";
import { type Builder, dimsOf, mapOf, type Place, type Shape } from "./builder.ts";
import { batchNorm, conv2d, depthwise, matMul } from "./graph-linear.ts";
import {
  activations,
  type Convert,
  constant,
  inner,
  isPlace,
  type Operation,
  place,
  windowOf,
} from "./graph-operation.ts";
import { padMap, poolWhole, poolWindow, reshape } from "./operations.ts";
import type { Weight } from "./weights.ts";

/** `x ∘ constant`, with one number or one per channel. */
function withConstant(
  builder: Builder,
  op: string,
  { name }: Operation,
  input: Place,
  { dims, data }: Weight,
  constantFirst: boolean,
): Place {
  const { kind, channels } = input.shape;
  const perChannel = dims.at(-1) === channels && data.length === channels;
  if (data.length !== 1 && !perChannel)
    throw dataError(
      `The operation "${name}" has a constant [${dims}], neither one number nor one per channel, which Graft does not support.`,
    );
  const shape = data.length === 1 ? [] : kind === "map" ? [channels, 1, 1] : [channels];
  const value = builder.floats(`${name}/constant`, shape, data);
  return builder.add(op, constantFirst ? [value, input.name] : [input.name, value], name, input.shape);
}

const arithmetic =
  (op: string): Convert =>
  (builder, operation) => {
    const [a, b] = operation.inputs;
    if (isPlace(a) && isPlace(b)) {
      if (dimsOf(a.shape).join() !== dimsOf(b.shape).join())
        throw dataError(`"${operation.name}" combines tensors of different shapes, which Graft does not support.`);
      return builder.add(op, [a.name, b.name], operation.name, a.shape);
    }
    return isPlace(a)
      ? withConstant(builder, op, operation, a, constant(operation, 1), false)
      : withConstant(builder, op, operation, place(operation, 1), constant(operation, 0), true);
  };

const pool =
  (op: "MaxPool" | "AveragePool"): Convert =>
  (builder, operation) =>
    poolWindow(builder, op, operation.name, place(operation), windowOf(operation, inner(operation, "ksize")));

const mean: Convert = (builder, operation) => {
  const axes = [...constant(operation, 1).data].map((axis) => (axis < 0 ? axis + 4 : axis)).sort();
  if (axes.join() !== "1,2")
    throw dataError(
      `"${operation.name}" averages over axes other than height and width, which Graft does not support.`,
    );
  const keep = operation.attributes.flag("keep_dims");
  return poolWhole(builder, "GlobalAveragePool", operation.name, place(operation), keep);
};

const concat: Convert = (builder, operation) => {
  const last = operation.inputs.length - 1;
  const axis = constant(operation, last).data[0];
  const parts = Array.from({ length: last }, (_, i) => place(operation, i));
  const { shape } = place(operation);
  const withoutChannels = ({ shape: of }: Place): string => dimsOf({ ...of, channels: 0 }).join();
  if (axis !== -1 && axis !== (shape.kind === "map" ? 3 : 1))
    throw dataError(`"${operation.name}" concatenates along axis ${axis}; Graft supports only channels.`);
  if (parts.some((part) => withoutChannels(part) !== withoutChannels(parts[0]!)))
    throw dataError(`"${operation.name}" concatenates tensors of different sizes: the model is damaged.`);
  const channels = parts.reduce((sum, part) => sum + part.shape.channels, 0);
  const joined: Shape = { ...shape, channels };
  return builder.add(
    "Concat",
    parts.map(({ name }) => name),
    operation.name,
    joined,
    { axis: 1 },
  );
};

const pad: Convert = (builder, operation) => {
  const sides = [...constant(operation, 1).data];
  const value = operation.inputs.length > 2 ? constant(operation, 2).data[0]! : 0;
  if (sides.length !== 8 || sides[0] || sides[1] || sides[6] || sides[7])
    throw dataError(`"${operation.name}" pads axes other than height and width, which Graft does not support.`);
  return padMap(builder, operation.name, place(operation), sides.slice(2, 6), value);
};

const squeeze: Convert = (builder, operation) => {
  const input = place(operation);
  const { height, width, channels } = mapOf(input);
  const axes = (operation.attributes.integers("squeeze_dims") ?? []).map((axis) => (axis < 0 ? axis + 4 : axis)).sort();
  if (height * width !== 1 || (axes.length > 0 && axes.join() !== "1,2"))
    throw dataError(`"${operation.name}" removes axes other than height and width of 1, which Graft does not support.`);
  return builder.add("Flatten", [input.name], operation.name, { kind: "vector", channels }, { axis: 1 });
};

const operations: Readonly<Record<string, Convert>> = {
  Conv2D: conv2d,
  _FusedConv2D: conv2d,
  DepthwiseConv2dNative: depthwise,
  FusedDepthwiseConv2dNative: depthwise,
  MatMul: matMul,
  _FusedMatMul: matMul,
  BiasAdd: arithmetic("Add"),
  FusedBatchNorm: batchNorm,
  FusedBatchNormV2: batchNorm,
  FusedBatchNormV3: batchNorm,
  Add: arithmetic("Add"),
  AddV2: arithmetic("Add"),
  Sub: arithmetic("Sub"),
  Mul: arithmetic("Mul"),
  Maximum: arithmetic("Max"),
  Minimum: arithmetic("Min"),
  AvgPool: pool("AveragePool"),
  MaxPool: pool("MaxPool"),
  Mean: mean,
  ConcatV2: concat,
  Pad: pad,
  PadV2: pad,
  Squeeze: squeeze,
  // The first size is the batch's, which is unchanged.
  Reshape: (builder, operation) =>
    reshape(builder, operation.name, place(operation), [...constant(operation, 1).data].slice(1)),
  ...Object.fromEntries(
    Object.entries(activations).map(([op, kind]): [string, Convert] => [
      op,
      (builder, operation) => activate(builder, kind, place(operation), operation.name),
    ]),
  ),
};

/** Converts one operation. Throws a data error with its name if Graft does not support it. */
export function convertOperation(builder: Builder, op: string, operation: Operation): Place {
  const convert = Object.hasOwn(operations, op) ? operations[op] : undefined;
  if (!convert)
    throw dataError(
      `The operation "${operation.name}" is a ${op}, which Graft does not support: export the network as ONNX.`,
    );
  return convert(builder, operation);
}
