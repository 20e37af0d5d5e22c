/** Fresh parameters of graphs built by hand; whole networks are in fresh-network.whole.test.ts. */
import { describe, expect, it, test } from "vitest";
import { float32Tensor, int64Tensor, node, rawTensor } from "../../onnx/model.ts";
import { describeScratch } from "./fresh-network.ts";
import { deviations, modelFrom, odd, scratchOf, spreadOf, valuesOf } from "./testing.ts";

const six = float32Tensor([], [6]);
const zero = float32Tensor([], [0]);

describe("weights by the activation after them", () => {
  const fan = 64;
  const gelu = [
    node("Div", ["h", "root"], ["d"]),
    node("Erf", ["d"], ["e"]),
    node("Add", ["e", "one"], ["g"]),
    node("Mul", ["h", "g"], ["y"]),
  ];
  const rectifiers = {
    Relu: [node("Relu", ["h"], ["y"])],
    "Clip from 0": [node("Clip", ["h", "zero", "six"], ["y"])],
    "a bias and HardSwish": [node("Add", ["h", "bias"], ["b"]), node("HardSwish", ["b"], ["y"])],
    SiLU: [node("Sigmoid", ["h"], ["s"]), node("Mul", ["h", "s"], ["y"])],
    GELU: gelu,
    "a norm, then two branches": [
      node("LayerNormalization", ["h", "scale", "bias"], ["n"]),
      node("Softmax", ["n"], ["p"]),
      node("Relu", ["n"], ["r"]),
      node("Add", ["p", "r"], ["y"]),
    ],
  };
  const others = {
    nothing: [],
    Tanh: [node("Tanh", ["h"], ["y"])],
    Sigmoid: [node("Sigmoid", ["h"], ["y"])],
    "Clip from below 0": [node("Clip", ["h", "low", "six"], ["y"])],
    "a residual sum, and only then Relu": [node("Add", ["h", "x"], ["s"]), node("Relu", ["s"], ["y"])],
  };
  const constants = new Map([
    ...odd({ w: [fan, fan], bias: [fan], scale: [fan] }),
    ["six", six] as const,
    ["zero", zero] as const,
    ["low", float32Tensor([], [-1])] as const,
    ["one", float32Tensor([], [1])] as const,
    ["root", float32Tensor([], [Math.SQRT2])] as const,
  ]);
  const deviationOf = async (after: (typeof rectifiers)["Relu"]): Promise<number> => {
    const { model } = await scratchOf(modelFrom([node("MatMul", ["x", "w"], ["h"]), ...after], ["N", fan], constants));
    return spreadOf(valuesOf(model, "w")).deviation;
  };

  // 4096 numbers: four deviations of a deviation are 4.4%.
  test.each(Object.entries(rectifiers))("%s: He's √(2 / fan in)", async (_, after) => {
    expect(Math.abs((await deviationOf(after)) / Math.sqrt(2 / fan) - 1)).toBeLessThan(0.045);
  });
  test.each(Object.entries(others))("%s: Glorot's √(2 / (fan in + fan out))", async (_, after) => {
    expect(Math.abs((await deviationOf(after)) / Math.sqrt(2 / (2 * fan)) - 1)).toBeLessThan(0.045);
  });
});

describe("fans", () => {
  test.each([
    ["Conv", "dense", [64, 32, 3, 3], { pads: [1, 1, 1, 1] }, 32 * 9, 64 * 9],
    ["Conv", "depthwise", [32, 1, 9, 9], { group: 32, pads: [4, 4, 4, 4] }, 81, 81],
    ["Conv", "grouped", [64, 8, 3, 3], { group: 4, pads: [1, 1, 1, 1] }, 8 * 9, 16 * 9],
    ["ConvTranspose", "strided", [32, 64, 4, 4], { strides: [2, 2] }, (32 * 16) / 4, 64 * 16],
  ] as const)("%s, %s", async (op, _, dims, attributes, fanIn, fanOut) => {
    const rectified = [node(op, ["x", "w"], ["h"], attributes), node("Relu", ["h"], ["y"])];
    for (const [nodes, wanted] of [
      [rectified, Math.sqrt(2 / fanIn)],
      [rectified.slice(0, 1), Math.sqrt(2 / (fanIn + fanOut))],
    ] as const) {
      const { model } = await scratchOf(modelFrom(nodes, ["N", 32, 12, 12], odd({ w: dims })));
      expect(Math.abs(spreadOf(valuesOf(model, "w")).deviation / wanted - 1)).toBeLessThan(0.06);
    }
  });

  test.each([
    ["Gemm", [40, 120], {}],
    ["Gemm", [120, 40], { transB: 1 }],
    ["MatMul", [40, 120], {}],
    ["Einsum", [40, 120], { equation: "ni,io->no" }],
  ] as const)("%s [%s]", async (op, dims, attributes) => {
    const nodes = [node(op, ["x", "w"], ["h"], attributes), node("Relu", ["h"], ["y"])];
    const { model } = await scratchOf(modelFrom(nodes, ["N", 40], odd({ w: dims })));
    expect(Math.abs(spreadOf(valuesOf(model, "w")).deviation / Math.sqrt(2 / 40) - 1)).toBeLessThan(0.045);
  });

  it("of a transposed weight are those of its layer", async () => {
    const nodes = [
      node("Transpose", ["w"], ["t"], { perm: [1, 0] }),
      node("MatMul", ["x", "t"], ["h"]),
      node("Relu", ["h"], ["y"]),
    ];
    const { model } = await scratchOf(modelFrom(nodes, ["N", 40], odd({ w: [120, 40] })));
    expect(Math.abs(spreadOf(valuesOf(model, "w")).deviation / Math.sqrt(2 / 40) - 1)).toBeLessThan(0.045);
  });
});

describe("other constants", () => {
  it("start by their role", async () => {
    const nodes = [
      node("Conv", ["x", "w", "b"], ["c"], { strides: [4, 4] }),
      node("BatchNormalization", ["c", "s", "t", "m", "v"], ["n"]),
      node("PRelu", ["n", "slope"], ["r"]),
      node("Reshape", ["r", "shape"], ["rows"]),
      node("Concat", ["rows", "token"], ["tokens"], { axis: 1 }),
      node("Add", ["tokens", "positions"], ["placed"]),
      node("LayerNormalization", ["placed", "gamma", "beta"], ["l"]),
      node("MatMul", ["l", "square"], ["p"]),
      node("Mul", ["p", "layerScale"], ["scaled"]),
      node("Add", ["scaled", "placed"], ["sum"]),
      node("Mul", ["sum", "perChannel"], ["y"]),
    ];
    const learned = {
      ...{ w: [16, 3, 4, 4], b: [16], s: [16], t: [16], m: [16], v: [16], slope: [16, 1, 1] },
      ...{ token: [2, 1, 16], positions: [1, 17, 16], gamma: [16], beta: [16], square: [16, 16] },
      ...{ layerScale: [16], perChannel: [16] },
    };
    const constants = new Map([...odd(learned), ["shape", int64Tensor([3], [0, 16, 16])] as const]);
    const { model, parameters } = await scratchOf(modelFrom(nodes, [2, 3, 16, 16], constants));
    expect(Object.fromEntries(parameters)).toEqual({
      ...{ w: "weight", b: "bias", s: "scale", t: "shift", m: "mean", v: "variance", slope: "slope" },
      ...{ token: "token", positions: "token", gamma: "scale", beta: "shift", square: "weight" },
      ...{ layerScale: "layer scale", perChannel: "scale" },
    });
    const fills = { b: 0, s: 1, t: 0, m: 0, v: 1, slope: 0.25, gamma: 1, beta: 0, layerScale: 1e-6, perChannel: 1 };
    for (const [name, value] of Object.entries(fills))
      expect(new Set(valuesOf(model, name))).toEqual(new Set([Math.fround(value)]));
    expect(Math.abs(spreadOf(valuesOf(model, "positions")).deviation / 0.02 - 1)).toBeLessThan(0.2);
    expect(spreadOf(valuesOf(model, "token")).deviation).toBeLessThan(0.04);
  });

  it("stay unchanged if they are not parameters", async () => {
    const mask = float32Tensor([1, 4, 4], [...Array(12).fill(0), ...Array(4).fill(-100)]);
    const nodes = [
      node("Sub", ["x", "pixelMean"], ["centred"]),
      node("Div", ["centred", "pixelStd"], ["pixels"]),
      node("MatMul", ["pixels", "w"], ["h"]),
      node("Mul", ["h", "root"], ["scaled"]),
      node("Add", ["scaled", "mask"], ["masked"]),
      node("Mul", ["masked", "sines"], ["turned"]),
      node("Clip", ["turned", "zero", "six"], ["y"]),
    ];
    const kept = new Map([
      ...odd({ pixelMean: [4], pixelStd: [1, 1, 4], root: [1], sines: [4, 4] }),
      ["mask", mask] as const,
      ["zero", zero] as const,
      ["six", six] as const,
    ]);
    const model = modelFrom(nodes, [2, 4, 4], new Map([...kept, ...odd({ w: [4, 4] })]));
    const scratch = await scratchOf(model);
    expect([...scratch.parameters.keys()]).toEqual(["w"]);
    for (const [name, tensor] of kept) expect(scratch.model.graph.initializers.get(name)).toBe(tensor);
  });

  it("are refused if their initialisation is unknown", async () => {
    const nodes = [node("MatMul", ["x", "w"], ["h"]), node("Mean", ["h", "odd"], ["y"])];
    await expect(scratchOf(modelFrom(nodes, [4, 4], odd({ w: [4, 4], odd: [4] })))).rejects.toThrow(
      'Graft does not know how to initialise "odd", which the node "y" (Mean) reads: pass a network of standard ONNX operators.',
    );
  });

  it("are refused if they are quantised", async () => {
    const nodes = [node("DequantizeLinear", ["q", "step"], ["w"]), node("MatMul", ["x", "w"], ["y"])];
    const constants = new Map([
      ["q", rawTensor("int8", [4, 4], new Uint8Array(16))] as const,
      ["step", float32Tensor([], [0.5])] as const,
    ]);
    await expect(scratchOf(modelFrom(nodes, [4, 4], constants))).rejects.toThrow(
      'The network is quantised (node "w", DequantizeLinear) and cannot be trained from scratch: pass a float32 version.',
    );
  });
});

it("gives each layer its own copy of a merged constant; weights and their biases stay shared", async () => {
  const nodes = [
    node("Gemm", ["x", "w", "zeros"], ["a"]),
    node("BatchNormalization", ["a", "ones", "zeros", "zeros", "ones"], ["b"]),
    node("Gemm", ["b", "w", "zeros"], ["c"]),
    node("Gemm", ["c", "other", "zeros"], ["y"]),
  ];
  const constants = new Map([
    ...odd({ w: [3, 3], other: [3, 3] }),
    ["zeros", float32Tensor([3], [0, 0, 0])] as const,
    ["ones", float32Tensor([3], [1, 1, 1])] as const,
  ]);
  const { model, parameters } = await scratchOf(modelFrom(nodes, [2, 3], constants));
  const [first, norm, again, last] = model.graph.nodes.map(({ inputs }) => inputs);
  expect(again).toEqual(["b", "w", first![2]]);
  const vectors = [first![2], ...norm!.slice(1), last![2]];
  expect(new Set(vectors).size).toBe(6);
  expect(vectors.map((name) => parameters.get(name!))).toEqual(["bias", "scale", "shift", "mean", "variance", "bias"]);
});

it("gives the same bytes for the same seed, others for another, and does not change the given model", async () => {
  const model = modelFrom([node("MatMul", ["x", "w"], ["y"])], ["N", 8], odd({ w: [8, 8] }));
  const before = valuesOf(model, "w").slice();
  const [one, same, other] = [await scratchOf(model, 5), await scratchOf(model, 5), await scratchOf(model, 6)];
  expect(valuesOf(same.model, "w")).toEqual(valuesOf(one.model, "w"));
  expect(valuesOf(other.model, "w")).not.toEqual(valuesOf(one.model, "w"));
  expect(valuesOf(model, "w")).toEqual(before);
  expect(describeScratch(one)).toEqual(["Initialised 64 values in 1 tensors: other weights: Glorot normal."]);
});

it("keeps the size of the signal through a deep chain of rectifiers without norms", async () => {
  const depth = 20;
  const name = (i: number): string => (i === 0 ? "x" : `r${i}`);
  const nodes = Array.from({ length: depth }, (_, i) => [
    node("Conv", [name(i), `w${i}`], [`c${i}`], { pads: [1, 1, 1, 1] }),
    node("Relu", [`c${i}`], [name(i + 1)]),
  ]).flat();
  const weights = Object.fromEntries(Array.from({ length: depth }, (_, i) => [`w${i}`, [24, i === 0 ? 8 : 24, 3, 3]]));
  const { model } = await scratchOf(modelFrom(nodes, [1, 8, 32, 32], odd(weights)));
  const tensors = Array.from({ length: depth }, (_, i) => `c${i}`);
  const found = await deviations(model, [1, 8, 32, 32], tensors);
  // The zeros around the borders weaken the signal a little in each layer.
  for (const deviation of found.values()) {
    expect(deviation).toBeGreaterThan(0.1);
    expect(deviation).toBeLessThan(3);
  }
});
