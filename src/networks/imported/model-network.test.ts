/** How the files of exporters differ besides their layers: inputs, batches, precision, metadata. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GraftError } from "../../base/errors.ts";
import { createRandom } from "../../base/random.ts";
import { decodeModel } from "../../onnx/codec/read-model.ts";
import { encodeModelWhole } from "../../onnx/codec/write-model.ts";
import {
  type Dimension,
  elementCount,
  float32Tensor,
  type Graph,
  int64Tensor,
  type Model,
  modelOf,
  type Node,
  node,
  type Tensor,
  type TensorType,
} from "../../onnx/model.ts";
import { raiseOpset } from "../../onnx/passes/raise-opset.ts";
import { openSession } from "../../onnx/session/session.ts";
import { backboneModel, FEATURES, measureCut, PIXELS, pixelDims } from "../backbone/backbone.ts";
import type { Network } from "../network.ts";
import { inspect } from "../open.ts";
import { type ModelOptions, networkOf } from "./model-network.ts";

function noise(...dims: number[]): Tensor {
  const random = createRandom(elementCount(dims));
  return float32Tensor(
    dims,
    Float32Array.from({ length: elementCount(dims) }, () => random.next() - 0.5),
  );
}

interface Change {
  readonly dims?: readonly Dimension[];
  readonly type?: TensorType;
  /** The nodes before the first convolution, whose input is `pixels`. */
  readonly beforeConv?: readonly Node[];
  readonly afterRelu?: readonly Node[];
  readonly outputDims?: readonly Dimension[];
}

/** Conv → Relu → global pooling → Flatten → Gemm. */
function network({
  dims = ["N", 3, 16, 16],
  type = "float32",
  beforeConv = [],
  afterRelu,
  outputDims,
}: Change = {}): Model {
  const nodes = [
    ...(beforeConv.length > 0 ? beforeConv : [node("Identity", ["image"], ["pixels"])]),
    node("Conv", ["pixels", "conv.weight"], ["map"], { strides: [2, 2] }),
    node("Relu", ["map"], ["active"]),
    ...(afterRelu ?? [
      node("GlobalAveragePool", ["active"], ["pool"]),
      node("Flatten", ["pool"], ["flat"]),
      node("Gemm", ["flat", "fc.weight"], ["y"], { transB: 1 }),
    ]),
  ];
  const graph: Graph = {
    name: "g",
    nodes,
    inputs: [{ name: "image", type, dims }],
    outputs: [{ name: "y", type: "float32", ...(outputDims ? { dims: outputDims } : {}) }],
    initializers: new Map([
      ["conv.weight", noise(4, 3, 3, 3)],
      ["fc.weight", noise(5, 4)],
      ["shape", int64Tensor([2], [1, -1])],
    ]),
  };
  return modelOf(graph);
}

const open = async (model: Model, options: ModelOptions = {}): Promise<Network> => ({
  ...(await networkOf(model, "net.onnx", options)),
  sha256: "",
});

async function featuresOf(of: Network, pixels: Float32Array, batch: number): Promise<Float32Array> {
  const session = await openSession(encodeModelWhole(backboneModel(of, await measureCut(of))), { threads: 1 });
  try {
    const result = await session.run({ [PIXELS]: { dims: pixelDims(of, batch), data: pixels } });
    return result[FEATURES]!.data as Float32Array;
  } finally {
    await session.close();
  }
}

describe("the input", () => {
  test("of open size gets 224 pixels, and the assumption is reported", async () => {
    const { preprocessing, changes } = await open(network({ dims: ["N", 3, "H", undefined] }));
    expect(preprocessing).toMatchObject({ size: 224, layout: "nchw" });
    expect(changes).toEqual(["It takes images of any size; 224 × 224 pixels are assumed."]);
  });

  test("open in all dimensions gets its layout from its first layer", async () => {
    const open4 = [undefined, undefined, undefined, undefined];
    expect((await open(network({ dims: open4, beforeConv: [] }))).preprocessing.layout).toBe("nchw");
    const turned = network({
      dims: open4,
      beforeConv: [node("Transpose", ["image"], ["pixels"], { perm: [0, 3, 1, 2] })],
    });
    expect((await open(turned)).preprocessing.layout).toBe("nhwc");
  });

  test("of uint8 gets 0 to 255, and no other preprocessing", async () => {
    const model = network({ type: "uint8", beforeConv: [node("Cast", ["image"], ["pixels"], { to: 1 })] });
    const opened = await open(model);
    expect(opened).toMatchObject({ preprocessing: { mean: [0, 0, 0], std: [1, 1, 1] } });
    expect(opened.preprocessingFrom).toContain("uint8");
    expect(opened.assumedPreprocessing).toBeUndefined();
    const pixels = Float32Array.from({ length: 768 }, (_, i) => (i * 7) % 256);
    const same = await open(network(), { preprocessing: "raw" });
    expect(await featuresOf(opened, pixels, 1)).toEqual(await featuresOf(same, pixels, 1));
    await expect(open(model, { preprocessing: "imagenet" })).rejects.toThrow(
      "leave --preprocessing imagenet out, or pass raw",
    );
  });

  test("of half precision is widened, and the change is reported", async () => {
    const model = network({ type: "float16", beforeConv: [node("Cast", ["image"], ["pixels"], { to: 1 })] });
    const { model: read, changes } = await open(model);
    expect(read.graph.inputs[0]!.type).toBe("float32");
    expect(changes).toEqual(["Its weights are in half precision; they were converted to float32."]);
  });

  test.each<[string, Change, string]>([
    [
      "three dimensions",
      { dims: [3, 16, 16] },
      "is not an image network: it must have one input of four dimensions, but has image [3,16,16].",
    ],
    ["one colour", { dims: ["N", 1, 16, 16] }, "does not take images with three channels: its input is [N,1,16,16]."],
    ["no square", { dims: ["N", 3, 16, 24] }, "takes images of 24 × 16 pixels, but Graft needs a square input"],
    ["an excessive side", { dims: ["N", 3, 2 ** 31, 2 ** 31] }, "Graft supports at most 8192"],
    ["doubles", { type: "float64" }, "takes images as float64"],
  ])("of %s is refused", async (_, change, said) => {
    await expect(open(network(change))).rejects.toThrow(said);
  });

  test("next to a second input is refused, and both are named", async () => {
    const model = network();
    const inputs = [...model.graph.inputs, { name: "training", type: "bool" as const, dims: [] }];
    await expect(open({ ...model, graph: { ...model.graph, inputs } })).rejects.toThrow(
      "but has image [N,3,16,16], training []",
    );
  });
});

describe("the batch", () => {
  const pooled = node("GlobalAveragePool", ["active"], ["pool"]);
  const written = [
    pooled,
    node("Reshape", ["pool", "shape"], ["flat"]),
    node("Gemm", ["flat", "fc.weight"], ["y"], { transB: 1 }),
  ];

  test.each<[string, Change]>([
    ["fixed in the input alone", { dims: [1, 3, 16, 16], outputDims: [1, 5] }],
    ["fixed in a Reshape", { dims: [1, 3, 16, 16], afterRelu: written }],
    ["open in the input, fixed in a Reshape", { afterRelu: written }],
    ["of four", { dims: [4, 3, 16, 16], afterRelu: [pooled, node("Flatten", ["pool"], ["flat"]), written[2]!] }],
  ])("%s becomes one of any size", async (_, change) => {
    const opened = await open(network(change));
    expect(opened.changes?.join()).toMatch(
      /It was exported for (batches of \d|one batch size, although its input is open), and was rewritten/,
    );
    const pixels = Float32Array.from({ length: 3 * 768 }, (_, i) => Math.sin(i));
    const three = await featuresOf(opened, pixels, 3);
    const plain = await featuresOf(await open(network()), pixels, 3);
    expect(three).toEqual(plain);
    expect(three).toHaveLength(12);
  });

  test("open from the start needs no change", async () => {
    expect((await open(network())).changes).toBeUndefined();
  });

  test("with an operation across images is refused", async () => {
    const mixed = [
      node("ReduceMean", ["active"], ["all"], { keepdims: 1 }),
      node("Add", ["active", "all"], ["m"]),
      node("ReduceMax", ["m", "zero"], ["y"], { keepdims: 0 }),
    ];
    const model = network({ afterRelu: mixed });
    const initializers = new Map([...model.graph.initializers, ["zero", int64Tensor([1], [0])] as const]);
    await expect(open({ ...model, graph: { ...model.graph, initializers } })).rejects.toThrow(
      "works only with batches of 1 ",
    );
  });
});

describe("the preprocessing", () => {
  test("that is stated nowhere is assumed, and marked as an assumption", async () => {
    expect(await open(network())).toMatchObject({
      assumedPreprocessing: true,
      preprocessing: { mean: [127.5, 127.5, 127.5] },
      preprocessingFrom: "an assumption (inception): the file does not state it",
    });
  });

  test("that the file states is used, and the command line takes precedence", async () => {
    const model = { ...network(), metadata: new Map([["Image.NominalPixelRange", "Normalized_0_1"]]) };
    const opened = await open(model);
    expect(opened).toMatchObject({
      preprocessing: { std: [255, 255, 255] },
      preprocessingFrom: expect.stringContaining("metadata"),
    });
    expect(opened.assumedPreprocessing).toBeUndefined();
    const said = await open(model, { preprocessing: "caffe" });
    expect(said).toMatchObject({ preprocessing: { channels: "bgr" }, preprocessingFrom: "--preprocessing caffe" });
  });
});

describe("the cut", () => {
  test("that the command line names is used, and must exist", async () => {
    const opened = await open(network(), { cut: "active" });
    expect(opened).toMatchObject({ cut: "active", why: "the tensor that --cut names" });
    expect(await measureCut(opened)).toMatchObject({ pooling: "spatial-mean", features: 4 });
    await expect(open(network(), { cut: "nope" })).rejects.toThrow('no tensor "nope"');
  });

  test("at a tensor of integers is refused", async () => {
    const model = network();
    const shape = {
      ...model.graph,
      nodes: [...model.graph.nodes, node("Shape", ["map"], ["s"])],
      outputs: [{ name: "y" }, { name: "s" }],
    };
    const opened = await open({ ...model, graph: shape });
    await expect(measureCut({ ...opened, cut: "s" })).rejects.toThrow("is of type int64, not float32");
  });
});

describe("a damaged file", () => {
  test("cyclic: refused in one sentence", async () => {
    const model = network({ dims: [undefined, undefined, undefined, undefined] });
    const cycle = [node("Add", ["image", "b"], ["a"]), node("Identity", ["a"], ["b"])];
    const nodes = [...cycle, node("Conv", ["b", "conv.weight"], ["y"])];
    await expect(open({ ...model, graph: { ...model.graph, nodes } })).rejects.toThrow(GraftError);
    const input = [{ name: "image", type: "float32" as const, dims: ["N", 3, 16, 16] }];
    await expect(open({ ...model, graph: { ...model.graph, nodes, inputs: input } })).rejects.toThrow(GraftError);
  });

  test("damaged anywhere: a network or a GraftError", async () => {
    const bytes = encodeModelWhole(network({ dims: [1, 3, 16, 16] }));
    const structure = bytes.length - 4 * (4 * 27 + 20);
    const flips = fc.array(fc.tuple(fc.nat(structure), fc.nat(7)), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(flips, async (flipped) => {
        const damaged = Uint8Array.from(bytes);
        for (const [at, bit] of flipped) damaged[at]! ^= 1 << bit;
        try {
          const opened = await open(raiseOpset(decodeModel(damaged, "net.onnx")));
          await measureCut(opened);
          await inspect(opened);
        } catch (error) {
          if (!(error instanceof GraftError)) throw error;
        }
      }),
      { numRuns: 400, seed: 2 },
    );
  });
});
