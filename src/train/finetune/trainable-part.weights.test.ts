/** Weights that reach their layer through other operators train like those that it reads directly. */
import { describe, expect, test } from "vitest";
import { measureCut } from "../../networks/backbone/backbone.ts";
import { inFloat32, trainableWeights } from "../../networks/backbone/trainable-weights.ts";
import { networkOf } from "../../networks/imported/model-network.ts";
import type { Network } from "../../networks/network.ts";
import { encodeModelWhole } from "../../onnx/codec/write-model.ts";
import {
  type AttributeLike,
  elementCount,
  float,
  float32Tensor,
  type Graph,
  int64Tensor,
  modelOf,
  type Node,
  node,
  rawTensor,
  type Tensor,
} from "../../onnx/model.ts";
import { openSession } from "../../onnx/session/session.ts";
import { recipeFor } from "./recipe.ts";
import { openStepEngine, withWeights } from "./step-engine.ts";
import { freshlyHeld } from "./step-runner.ts";
import { pixelBoundary, STORED } from "./trainable-part.ts";

const wave = (dims: readonly number[], k = 1): Tensor =>
  float32Tensor(
    dims,
    Float32Array.from({ length: elementCount(dims) }, (_, i) => 0.5 * Math.sin(1.3 * i + k)),
  );
const whole = (dims: readonly number[]): Tensor =>
  rawTensor(
    "int8",
    dims,
    Uint8Array.from({ length: elementCount(dims) }, (_, i) => (37 * i) % 251),
  );

/** Convolution, pooling, classifier: the kernel `w` [8, 3, 3, 3] is made by the given nodes. */
async function networkWith(
  made: readonly Node[],
  constants: Readonly<Record<string, Tensor>>,
  around: { readonly before?: readonly Node[]; readonly image?: string; readonly map?: string } = {},
): Promise<Network> {
  const graph: Graph = {
    name: "computed",
    nodes: [
      ...made,
      ...(around.before ?? []),
      node("Conv", [around.image ?? "input", "w", "bias"], ["conv"], { pads: [1, 1, 1, 1] }),
      node("Relu", ["conv"], ["map"]),
      node("GlobalAveragePool", ["map"], ["pool"]),
      node("Flatten", ["pool"], ["flat"], { axis: 1 }),
      node("Gemm", ["flat", "fc.weight"], ["logits"], { transB: 1 }),
    ],
    inputs: [{ name: "input", type: "float32", dims: ["N", 3, 8, 8] }],
    outputs: [{ name: "logits", type: "float32", dims: ["N", 4] }],
    initializers: new Map([...Object.entries(constants), ["bias", wave([8], 2)], ["fc.weight", wave([4, 8], 3)]]),
  };
  return { ...(await networkOf(modelOf(graph), "computed.onnx", { preprocessing: "unit" })), sha256: "" };
}

/** The network after two steps with all its stages unfrozen. */
async function trained(given: Network): Promise<{ before: Network; after: Network; names: ReadonlySet<string> }> {
  const network = inFloat32(given);
  const shape = await measureCut(network);
  const engine = await openStepEngine({
    network,
    shape,
    boundary: pixelBoundary(network),
    plan: {
      stages: ["stage1"],
      all: [{ name: "stage1", output: "flat", parameters: 0, multiplyAdds: 1 }],
      boundary: undefined,
    },
    head: { weights: Float32Array.from({ length: 16 }, (_, i) => Math.cos(i)), bias: new Float32Array(2) },
    recipe: recipeFor({ examples: 4, classes: 2 }, { augment: "none", batch: 4 }),
    open: async (model) => openSession(encodeModelWhole(model)),
    available: 1e9,
  });
  const batch = () => ({
    [STORED]: { dims: [4, 3, 8, 8], data: Uint8Array.from({ length: 768 }, (_, i) => (i * i) % 256) },
    labels: { dims: [4, 2], data: Float32Array.of(1, 0, 0, 1, 1, 0, 0, 1) },
  });
  const stepped = await engine.run(freshlyHeld(engine.step, engine.own), batch, [1e-2, 1e-2], 1);
  await engine.close();
  const weights = new Map(engine.changing.map((name) => [name, stepped.held.get(name)!]));
  const names = engine.changing.flatMap((name) =>
    name.startsWith("backbone/") ? [name.slice("backbone/".length)] : [],
  );
  return { before: network, after: withWeights(network, weights, engine.ofNetwork), names: new Set(names) };
}

const kernel = [8, 3, 3, 3];
const made = (op: string, inputs: string[], attributes: Record<string, AttributeLike> = {}): Node[] => [
  node(op, inputs, ["w"], attributes),
];
const scales = float32Tensor([8], [0.01, 0.02, 0.03, 0.01, 0.02, 0.03, 0.01, 0.02]);

/** Weight standardisation, as PyTorch writes it for nfnets. */
const standardised: Node[] = [
  node("Reshape", ["own", "rows"], ["flatKernel"]),
  node("ReduceMean", ["flatKernel", "last"], ["mean"], { keepdims: 1 }),
  node("Sub", ["flatKernel", "mean"], ["centred"]),
  node("Mul", ["centred", "centred"], ["squares"]),
  node("ReduceMean", ["squares", "last"], ["variance"], { keepdims: 1 }),
  node("Add", ["variance", "epsilon"], ["aboveZero"]),
  node("Sqrt", ["aboveZero"], ["deviation"]),
  node("Div", ["centred", "deviation"], ["normal"]),
  node("Mul", ["normal", "gain"], ["scaled"]),
  node("Reshape", ["scaled", "dims"], ["w"]),
];
const batchNormed: Node[] = [
  node("Reshape", ["own", "rowsOfOne"], ["flatKernel"]),
  node("BatchNormalization", ["flatKernel", "gain1", "zeros", "zeros2", "ones"], ["normal", "m", "v"], {
    training_mode: 1,
    epsilon: float(1e-5),
  }),
  node("Reshape", ["normal", "dims"], ["w"]),
];
const standard = {
  own: wave(kernel),
  rows: int64Tensor([2], [8, 27]),
  rowsOfOne: int64Tensor([3], [1, 8, 27]),
  last: int64Tensor([1], [1]),
  epsilon: float32Tensor([], [1e-5]),
  dims: int64Tensor([4], kernel),
  gain: wave([8, 1], 4),
  gain1: wave([8], 4),
  zeros: wave([8], 5),
  zeros2: float32Tensor([8], new Float32Array(8)),
  ones: float32Tensor([8], new Float32Array(8).fill(1)),
};

const cases: [string, Node[], Record<string, Tensor>, string[]][] = [
  ["Transpose", made("Transpose", ["own"], { perm: [3, 2, 0, 1] }), { own: wave([3, 3, 3, 8]) }, ["own"]],
  ["Reshape", made("Reshape", ["own", "dims"]), { own: wave([8, 27]), dims: standard.dims }, ["own"]],
  ["Identity", made("Identity", ["own"]), { own: wave(kernel) }, ["own"]],
  [
    "Cast",
    [node("Cast", ["own"], ["double"], { to: 11 }), node("Cast", ["double"], ["w"], { to: 1 })],
    { own: wave(kernel) },
    ["own"],
  ],
  ["weight standardisation", standardised, standard, ["own", "gain"]],
  ["weight standardisation by a batch norm", batchNormed, standard, ["own", "gain1"]],
  ["DequantizeLinear", made("DequantizeLinear", ["q", "scales"], { axis: 0 }), { q: whole(kernel), scales }, ["w"]],
];

describe("a weight behind", () => {
  test.each(cases)("%s trains and is counted", async (_, nodes, constants, expected) => {
    const read = new Set(nodes.flatMap(({ inputs }) => inputs));
    const own = Object.fromEntries(Object.entries(constants).filter(([name]) => read.has(name)));
    const { before, after, names } = await trained(await networkWith(nodes, own));
    for (const name of [...expected, "bias"]) {
      // Identity of a constant is folded when the network is read.
      const [old, now] = [before, after].map(({ model }) => model.graph.initializers.get(name)!);
      expect(names).toContain(name);
      expect(Buffer.compare(old!.bytes, now!.bytes)).not.toBe(0);
      expect(now!.dims).toEqual(old!.dims);
    }
    const counts = trainableWeights(before.model.graph, before.cut, names);
    expect(counts.leftOut).toBeUndefined();
    expect(counts.trained).toBeGreaterThanOrEqual(elementCount(kernel) + 8);
  });
});

describe("a quantised network", () => {
  test("trains from its dequantised values; the range of an activation stays its bounds", async () => {
    const quantised = await networkWith(
      made("DequantizeLinear", ["q", "scales"], { axis: 0 }),
      {
        q: whole(kernel),
        scales,
        step: float32Tensor([], [0.005]),
        zero: rawTensor("uint8", [], Uint8Array.of(100)),
      },
      {
        before: [
          node("QuantizeLinear", ["input", "step", "zero"], ["iq"]),
          node("DequantizeLinear", ["iq", "step", "zero"], ["idq"]),
        ],
        image: "idq",
      },
    );
    const { before } = await trained(quantised);
    expect(before.model.graph.nodes.map(({ op }) => op).slice(0, 2)).toEqual(["Clip", "Conv"]);
    const features = async ({ model }: Network): Promise<Float32Array> => {
      const session = await openSession(encodeModelWhole(model), { optimise: false });
      const data = Float32Array.from({ length: 192 }, (_, i) => 1.5 * Math.sin(i));
      const { logits } = await session.run({ input: { dims: [1, 3, 8, 8], data } });
      await session.close();
      return logits!.data as Float32Array;
    };
    const [exact, float32] = [await features(quantised), await features(before)];
    // Rounding to steps of 0.005 moves each of 27 products by at most 0.0025 times its weight (at most 3.8).
    for (const [i, value] of exact.entries()) expect(Math.abs(float32[i]! - value)).toBeLessThan(0.05);
  });
});

test("what cannot train is named, with the reason", async () => {
  const network = await networkWith([node("Floor", ["own"], ["whole"]), node("Mul", ["whole", "half"], ["w"])], {
    own: wave(kernel),
    half: float32Tensor([], [0.5]),
  });
  expect(trainableWeights(network.model.graph, network.cut)).toEqual({
    trained: 8,
    of: 224,
    leftOut: '96% of the weight values do not train, the largest in "own": Floor has no gradient.',
  });
});
