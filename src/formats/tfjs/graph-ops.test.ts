/** Every operation of graph models against TensorFlow.js itself, on graphs of a few nodes, and graphs that are damaged. */
import { beforeAll, describe, expect, it } from "vitest";
import { GraftError } from "../../base/errors.ts";
import { convertTfjs } from "./convert-tfjs.ts";
import { expected, largestDifference, noise, runOnnx, tf } from "./testing.ts";

const DIMS = [2, 7, 6, 3] as const;
const images = noise(2 * 7 * 6 * 3);

type Attributes = Record<string, unknown>;
interface GraphNode {
  name: string;
  op: string;
  input?: string[];
  attr?: Attributes;
}
interface Constant {
  readonly shape: readonly number[];
  readonly data: readonly number[];
  readonly dtype?: "int32";
}

const base64 = (text: string): string => Buffer.from(text).toString("base64");
const s = (text: string) => ({ s: base64(text) });
const ints = (...values: readonly number[]) => ({ list: { i: values.map(String) } });
const texts = (...values: readonly string[]) => ({ list: { s: values.map(base64) } });
const window = (padding: "SAME" | "VALID", stride = 1, dilation = 1): Attributes => ({
  T: { type: "DT_FLOAT" },
  data_format: s("NHWC"),
  padding: s(padding),
  strides: ints(1, stride, stride, 1),
  dilations: ints(1, dilation, dilation, 1),
});
const random = (...shape: readonly number[]): Constant => ({
  shape,
  data: [...noise(tf.util.sizeFromShape([...shape]), shape.length + shape[0]!)],
});
const positive = (...shape: readonly number[]): Constant => {
  const { data } = random(...shape);
  return { shape, data: data.map((value) => Math.abs(value) + 0.5) };
};
const integers = (...data: readonly number[]): Constant => ({ shape: [data.length], data, dtype: "int32" });

/** A graph from `input` through `nodes`, as files. */
function graphOf(nodes: readonly GraphNode[], constants: Readonly<Record<string, Constant>> = {}) {
  const names = Object.keys(constants);
  const type = (name: string) => ({ type: constants[name]!.dtype ? "DT_INT32" : "DT_FLOAT" });
  const size = { dim: [-1, 7, 6, 3].map((side) => ({ size: String(side) })) };
  const json = {
    format: "graph-model",
    modelTopology: {
      versions: { producer: 175 },
      node: [
        { name: "input", op: "Placeholder", attr: { dtype: { type: "DT_FLOAT" }, shape: { shape: size } } },
        ...names.map((name) => ({ name, op: "Const", attr: { dtype: type(name) } })),
        ...nodes,
      ],
    },
    weightsManifest: [
      {
        paths: ["shard"],
        weights: names.map((name) => ({
          name,
          shape: [...constants[name]!.shape],
          dtype: constants[name]!.dtype ?? "float32",
        })),
      },
    ],
  };
  const bytes = names.map((name) => {
    const { data, dtype } = constants[name]!;
    return new Uint8Array((dtype ? Int32Array.from(data) : Float32Array.from(data)).buffer);
  });
  return { json, shard: new Uint8Array(Buffer.concat(bytes)) };
}

async function agree(nodes: readonly GraphNode[], constants: Readonly<Record<string, Constant>> = {}): Promise<void> {
  const { json, shard } = graphOf(nodes, constants);
  const reference = await tf.loadGraphModel(
    tf.io.fromMemory({
      modelTopology: json.modelTopology,
      weightSpecs: json.weightsManifest[0]!.weights as tf.io.WeightsManifestEntry[],
      weightData: shard.slice().buffer,
    }),
  );
  const wanted = await expected(reference, images, DIMS);
  const converted = await convertTfjs(JSON.stringify(json), async () => shard, "the graph");
  const { dims, data } = await runOnnx(converted, images, DIMS);
  expect(dims).toEqual(wanted.dims);
  expect(largestDifference(data as Float32Array, wanted.data)).toBeLessThan(1e-4);
}

const one = (op: string, input: string[] = ["input"], attr: Attributes = {}): GraphNode => ({
  name: "out",
  op,
  input,
  attr: { T: { type: "DT_FLOAT" }, ...attr },
});
const pooled: GraphNode = {
  name: "pooled",
  op: "Mean",
  input: ["input", "axes"],
  attr: { keep_dims: { b: false }, T: { type: "DT_FLOAT" } },
};
const axes = integers(1, 2);

beforeAll(async () => {
  await tf.setBackend("cpu");
});

describe("operations agree with TensorFlow.js", () => {
  const windows = (["SAME", "VALID"] as const).flatMap((padding) => [
    { padding, stride: 1, dilation: 1 },
    { padding, stride: 2, dilation: 1 },
    { padding, stride: 1, dilation: 2 },
  ]);

  it.each(windows)("Conv2D, $padding, stride $stride, dilation $dilation", async ({ padding, stride, dilation }) => {
    await agree([one("Conv2D", ["input", "k"], window(padding, stride, dilation))], { k: random(3, 2, 3, 4) });
  });

  it.each(windows)("DepthwiseConv2dNative, $padding, stride $stride, dilation $dilation", async (of) => {
    const attributes = window(of.padding, of.stride, of.dilation);
    await agree([one("DepthwiseConv2dNative", ["input", "k"], attributes)], { k: random(3, 2, 3, 2) });
  });

  it.each([["BiasAdd"], ["BiasAdd", "Relu"], ["BiasAdd", "Relu6"], ["BiasAdd", "Elu"]])(
    "_FusedConv2D and FusedDepthwiseConv2dNative with %s %s",
    async (...fusedOps) => {
      const ops = fusedOps.filter((op) => op !== undefined);
      const attributes = { ...window("SAME"), fused_ops: texts(...ops), num_args: { i: "1" } };
      await agree([one("_FusedConv2D", ["input", "k", "b"], attributes)], { k: random(3, 3, 3, 4), b: random(4) });
      await agree([one("FusedDepthwiseConv2dNative", ["input", "k", "b"], attributes)], {
        k: random(3, 3, 3, 1),
        b: random(3),
      });
    },
  );

  it.each(["FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"])("%s", async (op) => {
    const constants = { scale: random(3), offset: random(3), mean: random(3), variance: positive(3) };
    await agree(
      [one(op, ["input", ...Object.keys(constants)], { epsilon: { f: 0.01 }, is_training: { b: false } })],
      constants,
    );
  });

  it.each(["Relu", "Relu6", "Elu", "Selu", "Sigmoid", "Tanh", "Softplus", "Softmax", "Identity"])("%s", async (op) => {
    await agree([one(op)]);
  });

  it.each(["Add", "AddV2", "Sub", "Mul", "Maximum", "Minimum"])(
    "%s of two tensors, or with a constant on either side",
    async (op) => {
      const relu: GraphNode = { name: "relu", op: "Sigmoid", input: ["input"], attr: {} };
      await agree([relu, one(op, ["input", "relu"])]);
      for (const c of [random(3), { shape: [], data: [0.25] }, random(1, 1, 1, 3)]) {
        await agree([one(op, ["input", "c"])], { c });
        await agree([one(op, ["c", "input"])], { c });
      }
      await agree([pooled, one(op, ["pooled", "c"])], { axes, c: random(3) });
    },
  );

  it("BiasAdd", async () => {
    await agree([one("BiasAdd", ["input", "c"], { data_format: s("NHWC") })], { c: random(3) });
  });

  it.each(["AvgPool", "MaxPool"])("%s", async (op) => {
    for (const padding of ["SAME", "VALID"] as const)
      for (const stride of [1, 2, 3])
        await agree([one(op, ["input"], { ...window(padding, stride), ksize: ints(1, 3, 2, 1) })]);
  });

  it("Mean over height and width, kept or dropped, by negative axes too", async () => {
    for (const keep of [true, false])
      for (const over of [
        [1, 2],
        [2, 1],
        [-3, -2],
      ])
        await agree([one("Mean", ["input", "axes"], { keep_dims: { b: keep } })], { axes: integers(...over) });
  });

  it("MatMul and _FusedMatMul, the kernel upright or transposed", async () => {
    const flags = (b: boolean): Attributes => ({ transpose_a: { b: false }, transpose_b: { b } });
    await agree([pooled, one("MatMul", ["pooled", "k"], flags(false))], { axes, k: random(3, 5) });
    await agree([pooled, one("MatMul", ["pooled", "k"], flags(true))], { axes, k: random(5, 3) });
    const fused = { ...flags(false), fused_ops: texts("BiasAdd", "Relu"), num_args: { i: "1" } };
    await agree([pooled, one("_FusedMatMul", ["pooled", "k", "b"], fused)], { axes, k: random(3, 5), b: random(5) });
  });

  it("ConcatV2", async () => {
    const relu: GraphNode = { name: "relu", op: "Relu", input: ["input"], attr: {} };
    for (const axis of [3, -1])
      await agree([relu, one("ConcatV2", ["relu", "input", "axis"], { N: { i: "2" } })], {
        axis: { shape: [], data: [axis], dtype: "int32" },
      });
  });

  it("Pad and PadV2", async () => {
    const sides: Constant = { shape: [4, 2], data: [0, 0, 1, 2, 3, 0, 0, 0], dtype: "int32" };
    await agree([one("Pad", ["input", "sides"])], { sides });
    await agree([one("PadV2", ["input", "sides", "value"])], { sides, value: { shape: [], data: [0.5] } });
  });

  it("Reshape and Squeeze", async () => {
    await agree([one("Reshape", ["input", "to"])], { to: integers(-1, 126) });
    await agree([one("Reshape", ["input", "to"])], { to: integers(-1, 6, 7, 3) });
    const kept = { ...pooled, attr: { ...pooled.attr, keep_dims: { b: true } } };
    await agree([kept, one("Squeeze", ["pooled"], { squeeze_dims: ints(1, 2) })], { axes });
  });

  it("a constant behind an Identity, an input written with its output's number, and a control input", async () => {
    const constant: GraphNode = { name: "read", op: "Identity", input: ["c"], attr: {} };
    await agree([constant, one("AddV2", ["input", "read"])], { c: random(3) });
    const { json } = graphOf([one("Relu", ["input:0", "^input"])]);
    const { graph } = await convertTfjs(JSON.stringify(json), async () => new Uint8Array(), "the graph");
    expect(graph.nodes.map(({ op, inputs }) => [op, inputs])).toEqual([["Relu", ["input"]]]);
  });
});

describe("a graph that Graft does not support, or a damaged one, ends in one sentence", () => {
  it.each<[string, GraphNode[], Record<string, Constant>, string]>([
    ["an unknown operation", [one("Lambda")], {}, "Lambda"],
    ["an operation that is a property of every object", [one("constructor")], {}, "constructor"],
    [
      "a circle",
      [
        { ...one("Relu", ["b"]), name: "a" },
        { ...one("Relu", ["a"]), name: "b" },
      ],
      {},
      "depends on itself",
    ],
    ["a missing input", [one("Relu", ["missing"])], {}, "depends on"],
    ["no input at all", [one("Relu", [])], {}, "must be a computed tensor"],
    ["two nodes of one name", [one("Relu"), one("Relu")], {}, "two layers"],
    ["two inputs", [{ name: "second", op: "Placeholder", attr: {} }], {}, "more than one input"],
    [
      "an unknown padding",
      [one("Conv2D", ["input", "k"], { ...window("SAME"), padding: s("MORE") })],
      { k: random(1, 1, 3, 2) },
      "MORE",
    ],
    [
      "strides that are not numbers",
      [one("Conv2D", ["input", "k"], { ...window("SAME"), strides: { list: { i: ["1", "x", "1", "1"] } } })],
      { k: random(1, 1, 3, 2) },
      "strides",
    ],
    [
      "channels first",
      [one("Conv2D", ["input", "k"], { ...window("SAME"), data_format: s("NCHW") })],
      { k: random(1, 1, 3, 2) },
      "NCHW",
    ],
    ["a kernel that is computed", [one("Conv2D", ["input", "input"], window("SAME"))], {}, "constant"],
    [
      "a kernel of another rank",
      [one("Conv2D", ["input", "k"], window("SAME"))],
      { k: random(3, 2) },
      "four dimensions",
    ],
    ["a constant that does not fit", [one("AddV2", ["input", "c"])], { c: random(5) }, "[5]"],
    [
      "an unknown fused operation",
      [one("_FusedConv2D", ["input", "k"], { ...window("SAME"), fused_ops: texts("Evil") })],
      { k: random(1, 1, 3, 2) },
      "Evil",
    ],
    ["a mean over channels", [one("Mean", ["input", "axes"])], { axes: integers(3) }, "axes other than"],
    [
      "statistics of another size",
      [one("FusedBatchNormV3", ["input", "a", "a", "a", "a"])],
      { a: random(4) },
      "channels",
    ],
  ])("%s", async (_, nodes, constants, part) => {
    const { json, shard } = graphOf(nodes, constants);
    const error = await convertTfjs(JSON.stringify(json), async () => shard, "model.json").then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(GraftError);
    expect((error as GraftError).message).toMatch(/^[^\n]{10,300}\.$/);
    expect((error as GraftError).message).toContain(part);
  });
});
