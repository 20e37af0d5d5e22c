/** The patterns that exporters write, built by hand; whole exports are in ../open.exported.test.ts. */
import { describe, expect, test } from "vitest";
import {
  elementCount,
  float32Tensor,
  type Graph,
  int64Tensor,
  modelOf,
  type Node,
  node,
  rawTensor,
  type Tensor,
} from "../../onnx/model.ts";
import { inferShapes, measureShapes } from "../../onnx/session/shapes.ts";
import { type Classifier, findClassifier } from "./find-classifier.ts";

const floats = (...dims: number[]): Tensor => float32Tensor(dims, new Float32Array(elementCount(dims)).fill(0.5));
const ints = (...values: number[]): Tensor => int64Tensor([values.length], values);

/** Constants that the graphs below read, by name. */
const constants: Readonly<Record<string, Tensor>> = {
  "conv.weight": floats(4, 3, 3, 3),
  "fc.weight": floats(4, 2),
  "fc.bias": floats(2),
  "other.weight": floats(4, 2),
  "square.weight": floats(4, 4),
  "point.weight": floats(2, 4, 1, 1),
  "classifier.1.weight": floats(2, 4, 1, 1),
  "thousand.weight": floats(1000, 4, 1, 1),
  "whole.weight": floats(2, 4, 6, 6),
  gamma: floats(4),
  beta: floats(4),
  two: float32Tensor([], [2]),
  zero: float32Tensor([], [0]),
  six: float32Tensor([], [6]),
  first: int64Tensor([], [0]),
  flatShape: ints(-1, 2),
  tokensShape: ints(-1, 4, 36),
  axis1: ints(1),
  axes12: ints(1, 2),
  axes23: ints(2, 3),
  starts: ints(0),
  ends: ints(1),
  quantised: rawTensor("int8", [4, 2], new Uint8Array(8)),
  scale: float32Tensor([], [0.1]),
  zeroPoint: rawTensor("int8", [], new Uint8Array(1)),
};

function graphOf(nodes: readonly Node[], outputs: readonly string[]): Graph {
  const read = new Set(nodes.flatMap(({ inputs }) => inputs));
  return {
    name: "g",
    nodes,
    inputs: [{ name: "x", type: "float32", dims: [2, 3, 8, 8] }],
    outputs: outputs.map((name) => ({ name })),
    initializers: new Map(Object.entries(constants).filter(([name]) => read.has(name))),
  };
}

async function find(nodes: readonly Node[], ...outputs: string[]): Promise<Classifier> {
  const graph = graphOf(nodes, outputs.length > 0 ? outputs : [nodes.at(-1)!.outputs[0]!]);
  return findClassifier(graph, await inferShapes(modelOf(graph)), "net.onnx");
}
const cutOf = async (nodes: readonly Node[], ...outputs: string[]): Promise<[string, string | undefined]> => {
  const { cut, layer } = await find(nodes, ...outputs);
  return [cut, layer?.op];
};

// [2, 4, 6, 6], pooled to [2, 4]
const conv = node("Conv", ["x", "conv.weight"], ["map"]);
const pool = [conv, node("GlobalAveragePool", ["map"], ["pool"])];
const flat = [...pool, node("Flatten", ["pool"], ["flat"])];
const gemm = node("Gemm", ["flat", "fc.weight", "fc.bias"], ["logits"]);
const softmax = node("Softmax", ["logits"], ["p"]);
// [2, 36, 4]
const tokens = [
  conv,
  node("Reshape", ["map", "tokensShape"], ["rows"]),
  node("Transpose", ["rows"], ["tokens"], { perm: [0, 2, 1] }),
  node("LayerNormalization", ["tokens", "gamma", "beta"], ["normed"]),
];

describe("a linear layer on one vector", () => {
  test.each([
    ["bare", [gemm]],
    ["before a softmax", [gemm, softmax]],
    ["before a sigmoid and a cast", [gemm, node("Sigmoid", ["logits"], ["s"]), node("Cast", ["s"], ["p"], { to: 1 })]],
    ["reshaped", [gemm, node("Reshape", ["logits", "flatShape"], ["p"])]],
    ["divided by a temperature", [gemm, node("Div", ["logits", "two"], ["t"]), node("Softmax", ["t"], ["p"])]],
    ["after dropout", [node("Dropout", ["flat"], ["d"]), node("Gemm", ["d", "fc.weight"], ["logits"])]],
  ])("Gemm %s", async (_, nodes) => {
    expect(await cutOf([...flat, ...nodes])).toEqual([nodes[0]!.op === "Dropout" ? "d" : "flat", "Gemm"]);
  });

  test.each([
    [
      "the probabilities of the best classes",
      [softmax, node("TopK", ["p", "axis1"], ["best", "which"])],
      ["best", "which"],
    ],
    ["the best classes by their logits", [node("TopK", ["logits", "axis1"], ["best", "which"])], ["which"]],
    ["the best class alone", [node("ArgMax", ["logits"], ["which"], { axis: 1, keepdims: 0 })], ["which"]],
    [
      "a class, and the probability that it has",
      [softmax, node("ReduceMax", ["p", "axis1"], ["best"]), node("ArgMax", ["p"], ["which"], { axis: 1 })],
      ["best", "which"],
    ],
  ])("before %s", async (_, nodes, outputs) => {
    expect(await cutOf([...flat, gemm, ...nodes], ...outputs)).toEqual(["flat", "Gemm"]);
  });

  test("choices without a classifier are not features", async () => {
    const nodes = [...flat, node("Sin", ["flat"], ["s"]), node("TopK", ["s", "axis1"], ["best", "which"])];
    await expect(find(nodes, "best", "which")).rejects.toThrow(/ends in TopK, which chooses results .*--cut TENSOR/);
  });

  test("neither are the boxes that a detection network keeps", async () => {
    const boxes = [conv, node("Reshape", ["map", "tokensShape"], ["rows"])];
    const kept = [
      node("Transpose", ["rows"], ["boxes"], { perm: [0, 2, 1] }),
      node("NonMaxSuppression", ["boxes", "rows"], ["kept"]),
      node("Cast", ["kept"], ["floats"], { to: 1 }),
    ];
    for (const outputs of [["kept"], ["floats"], ["kept", "floats"]]) {
      const graph = graphOf([...boxes, ...kept], outputs);
      const shapes = await measureShapes(modelOf(graph), { x: [2, 3, 8, 8] });
      expect(() => findClassifier(graph, shapes, "net.onnx")).toThrow(/ends in NonMaxSuppression, .*--cut TENSOR/);
    }
  });

  test("MatMul and Add, the constant on either side", async () => {
    const product = node("MatMul", ["flat", "fc.weight"], ["product"]);
    expect(await cutOf([...flat, product, node("Add", ["product", "fc.bias"], ["y"])])).toEqual(["flat", "MatMul"]);
    expect(await cutOf([...flat, product, node("Add", ["fc.bias", "product"], ["y"])])).toEqual(["flat", "MatMul"]);
  });

  test("of a head of several layers, the last", async () => {
    const head = [
      node("Gemm", ["flat", "square.weight", "beta"], ["hidden"]),
      node("Relu", ["hidden"], ["active"]),
      node("Gemm", ["active", "fc.weight", "fc.bias"], ["logits"]),
    ];
    expect(await cutOf([...flat, ...head])).toEqual(["active", "Gemm"]);
  });

  test("a 1×1 convolution after pooling, and one as large as the map", async () => {
    const point = [...pool, node("Conv", ["pool", "point.weight", "fc.bias"], ["c"]), node("Flatten", ["c"], ["y"])];
    expect(await cutOf(point)).toEqual(["pool", "Conv"]);
    const whole = [conv, node("Conv", ["map", "whole.weight"], ["c"]), node("Flatten", ["c"], ["y"])];
    expect(await cutOf(whole)).toEqual(["map", "Conv"]);
  });

  test.each([
    ["AveragePool over the whole map", node("AveragePool", ["map"], ["pool"], { kernel_shape: [6, 6] }), "flat"],
    ["ReduceMean over [N, C, H, W]", node("ReduceMean", ["map", "axes23"], ["flat"], { keepdims: 0 }), "flat"],
  ])("after %s", async (_, pooling, cut) => {
    const flatten = pooling.outputs[0] === "pool" ? [node("Flatten", ["pool"], ["flat"])] : [];
    expect(await cutOf([conv, pooling, ...flatten, gemm])).toEqual([cut, "Gemm"]);
  });

  test("after ReduceMean over [N, H, W, C]", async () => {
    const nodes = [
      conv,
      node("Transpose", ["map"], ["nhwc"], { perm: [0, 2, 3, 1] }),
      node("ReduceMean", ["nhwc", "axes12"], ["flat"], { keepdims: 0 }),
      gemm,
    ];
    expect(await cutOf(nodes)).toEqual(["flat", "Gemm"]);
  });

  test("weights from DequantizeLinear, Transpose or Constant", async () => {
    const dequantised = node("DequantizeLinear", ["quantised", "scale", "zeroPoint"], ["w"]);
    const held = node("Constant", [], ["w"], { value: { type: "tensor", value: floats(4, 2) } });
    const turned = [
      node("Transpose", ["t"], ["w"]),
      node("Constant", [], ["t"], { value: { type: "tensor", value: floats(2, 4) } }),
    ];
    for (const made of [[dequantised], [held], turned.toReversed()]) {
      expect(await cutOf([...flat, ...made, node("Gemm", ["flat", "w"], ["y"])])).toEqual(["flat", "Gemm"]);
    }
  });

  test("quantised on both sides: the cut is the dequantised input", async () => {
    const nodes = [
      ...flat,
      node("QuantizeLinear", ["flat", "scale", "zeroPoint"], ["q"]),
      node("DequantizeLinear", ["q", "scale", "zeroPoint"], ["dq"]),
      node("DequantizeLinear", ["quantised", "scale", "zeroPoint"], ["w"]),
      node("Gemm", ["dq", "w", "fc.bias"], ["logits"]),
      node("QuantizeLinear", ["logits", "scale", "zeroPoint"], ["ql"]),
      node("DequantizeLinear", ["ql", "scale", "zeroPoint"], ["y"]),
    ];
    expect(await cutOf(nodes)).toEqual(["dq", "Gemm"]);
  });
});

describe("a classifier that is pooled afterwards", () => {
  const pooledAfter = (weight: string): Node[] => [
    conv,
    node("Conv", ["map", weight], ["c"]),
    node("Relu", ["c"], ["r"]),
    node("GlobalAveragePool", ["r"], ["g"]),
    node("Flatten", ["g"], ["y"]),
  ];

  test("is recognised by its name, its classes or a softmax", async () => {
    expect(await cutOf(pooledAfter("classifier.1.weight"))).toEqual(["map", "Conv"]);
    expect(await cutOf(pooledAfter("thousand.weight"))).toEqual(["map", "Conv"]);
    expect(await cutOf([...pooledAfter("point.weight"), node("Softmax", ["y"], ["p"])])).toEqual(["map", "Conv"]);
  });

  test("is a layer of features without such a sign", async () => {
    expect(await cutOf(pooledAfter("point.weight"))).toEqual(["y", undefined]);
  });

  test("on tokens: the cut is before it, at the sequence", async () => {
    const product = node("MatMul", ["normed", "fc.weight"], ["each"]);
    const mean = node("ReduceMean", ["each", "axis1"], ["y"], { keepdims: 0 });
    expect(await cutOf([...tokens, product, mean, node("Softmax", ["y"], ["p"])])).toEqual(["normed", "MatMul"]);
  });
});

describe("token networks", () => {
  test.each([
    ["Gather of the first", [node("Gather", ["normed", "first"], ["flat"], { axis: 1 })]],
    [
      "Slice of the first",
      [node("Slice", ["normed", "starts", "ends", "axis1"], ["one"]), node("Squeeze", ["one", "axis1"], ["flat"])],
    ],
    ["mean", [node("ReduceMean", ["normed", "axis1"], ["flat"], { keepdims: 0 })]],
    [
      "mean, then fc_norm",
      [
        node("ReduceMean", ["tokens", "axis1"], ["mean"], { keepdims: 0 }),
        node("LayerNormalization", ["mean", "gamma", "beta"], ["flat"]),
      ],
    ],
  ])("%s", async (_, nodes) => {
    expect(await cutOf([...tokens, ...nodes, gemm])).toEqual(["flat", "Gemm"]);
  });

  test("two heads whose logits are averaged: cut at the input of the first; the second is named", async () => {
    const nodes = [
      ...tokens,
      node("Gather", ["normed", "first"], ["flat"], { axis: 1 }),
      node("Gather", ["normed", "last"], ["dist"], { axis: 1 }),
      gemm,
      node("Gemm", ["dist", "other.weight"], ["others"]),
      node("Add", ["logits", "others"], ["sum"]),
      node("Div", ["sum", "two"], ["y"]),
    ];
    const last = node("Constant", [], ["last"], { value: { type: "tensor", value: int64Tensor([], [1]) } });
    const { cut, why } = await find([last, ...nodes]);
    expect(cut).toBe("flat");
    expect(why).toBe("the input of the last Gemm, fc, which computes 2 logits; the average with those of other");
  });
});

describe("several outputs", () => {
  const auxiliary = node("Gemm", ["early", "other.weight"], ["aux"]);
  const early = [
    conv,
    node("GlobalAveragePool", ["map"], ["e"]),
    node("Flatten", ["e"], ["early"]),
    node("Relu", ["map"], ["more"]),
    node("GlobalAveragePool", ["more"], ["pool"]),
    node("Flatten", ["pool"], ["flat"]),
  ];

  test("auxiliary logits are ignored, in any order", async () => {
    const nodes = [...early, auxiliary, gemm];
    const { cut, why } = await find(nodes, "aux", "logits");
    expect(cut).toBe("flat");
    expect(why).toContain("of the outputs aux, logits, logits depends on the most of the network");
    expect(await cutOf(nodes, "logits", "aux")).toEqual(["flat", "Gemm"]);
  });

  test("logits beside features: the logits", async () => {
    expect(await cutOf([...flat, gemm], "flat", "logits")).toEqual(["flat", "Gemm"]);
  });

  test("features of several shapes: the vector", async () => {
    expect(
      await cutOf(tokens.concat(node("Gather", ["normed", "first"], ["one"], { axis: 1 })), "normed", "one"),
    ).toEqual(["one", undefined]);
  });
});

describe("networks without a classifier", () => {
  test.each([
    ["a vector", flat, "flat", "[N, 4]"],
    ["a map", [conv, node("Relu", ["map"], ["y"])], "y", "[N, 4, 6, 6]"],
    ["tokens", tokens, "normed", "[N, 36, 4]"],
    [
      "a vector after an activation, though its layer has a classifier's name",
      [...flat, node("Gemm", ["flat", "fc.weight"], ["h"]), node("Relu", ["h"], ["y"])],
      "y",
      "[N, 2]",
    ],
    [
      "a pooled map, its last convolution clipped",
      [
        conv,
        node("Conv", ["map", "point.weight"], ["c"]),
        node("Clip", ["c", "zero", "six"], ["r"]),
        node("GlobalAveragePool", ["r"], ["y"]),
      ],
      "y",
      "[N, 2, 1, 1]",
    ],
    [
      "a normalisation written out: a scale each is no temperature",
      [
        ...flat,
        node("MatMul", ["flat", "square.weight"], ["m"]),
        node("Mul", ["m", "gamma"], ["s"]),
        node("Add", ["s", "beta"], ["y"]),
      ],
      "y",
      "[N, 4]",
    ],
    [
      "a product of two values that depend on the image",
      [...tokens, node("MatMul", ["normed", "rows"], ["y"])],
      "y",
      "[N, 36, 36]",
    ],
    [
      "a residual sum of two layers",
      [...tokens, node("MatMul", ["normed", "square.weight"], ["m"]), node("Add", ["m", "tokens"], ["y"])],
      "y",
      "[N, 36, 4]",
    ],
  ])("%s", async (_, nodes, cut, shape) => {
    const found = await find(nodes);
    expect(found).toMatchObject({ cut, why: expect.stringContaining(`the output itself`) });
    expect(found.why).toContain(shape);
    expect(found.layer).toBeUndefined();
  });

  test("probabilities without a layer that computes them are refused, with the remedy", async () => {
    await expect(find([...flat, node("Softmax", ["flat"], ["p"])])).rejects.toThrow(
      "No classifier was found at the end of net.onnx, and its output does not look like features: choose the tensor to cut at with --cut TENSOR.",
    );
    await expect(find([...flat, node("Tanh", ["flat"], ["logits"])])).rejects.toThrow("--cut");
  });

  test("an output that is the input is refused too", async () => {
    await expect(find(flat, "x")).rejects.toThrow("No classifier was found");
  });
});

test("why names the layer by its module, its operator and its logits", async () => {
  expect((await find([...flat, gemm, softmax])).why).toBe("the input of the last Gemm, fc, which computes 2 logits");
  const named = { ...node("Gemm", ["flat", "w"], ["y"]), name: "/head/classifier/Gemm" };
  const weight = node("Constant", [], ["w"], { value: { type: "tensor", value: floats(4, 7) } });
  expect((await find([...flat, weight, named])).why).toBe(
    "the input of the last Gemm, head.classifier, which computes 7 logits",
  );
});
