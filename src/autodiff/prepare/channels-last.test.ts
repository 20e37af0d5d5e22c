import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../base/random.ts";
import { encodeModelWhole } from "../../onnx/codec/write-model.ts";
import { asFloat32, elementCount, float32Tensor, type Graph, modelOf, node } from "../../onnx/model.ts";
import { openSession } from "../../onnx/session/session.ts";
import { measureShapes } from "../../onnx/session/shapes.ts";
import { gradients, type Shapes } from "../gradients.ts";
import { between } from "../testing.ts";
import { toChannelsFirst } from "./channels-last.ts";
import { prepare } from "./prepare.ts";

/** Wide enough for a 3 × 3 convolution to be worth it. */
const WIDE = 72;

interface Layout {
  readonly height: number;
  readonly width: number;
  readonly stride: number;
  readonly pads: readonly [number, number, number, number];
}

/** A block with a shortcut, as ResNet's: 3 × 3 with a norm, ReLU, 1 × 1; a strided 1 × 1 beside it; then the mean and a sum. */
function block({ stride, pads }: Layout, seed: number, dims: readonly number[]): Graph {
  const random = createRandom(seed);
  const tensor = (shape: readonly number[], low = -0.1, high = 0.1) =>
    float32Tensor(shape, between(random, shape, low, high).values);
  return {
    name: "block",
    nodes: [
      node("Conv", ["x", "w1"], ["c1"], { strides: [stride, stride], pads, kernel_shape: [3, 3] }),
      node("BatchNormalization", ["c1", "gamma", "beta", "mean", "variance"], ["n1"]),
      node("Relu", ["n1"], ["a1"]),
      node("Conv", ["a1", "w2", "b2"], ["c2"], { kernel_shape: [1, 1] }),
      node("Conv", ["x", "w3"], ["c3"], { strides: [stride, stride], kernel_shape: [1, 1] }),
      node("GlobalAveragePool", ["c3"], ["m3"]),
      node("GlobalAveragePool", ["c2"], ["m2"]),
      node("Add", ["m2", "m3"], ["sum"]),
      node("Mul", ["sum", "weight"], ["weighted"]),
      node("ReduceSum", ["weighted"], ["loss"], { keepdims: 0 }),
    ],
    inputs: [{ name: "x", type: "float32", dims: [...dims] }],
    outputs: [{ name: "loss" }],
    initializers: new Map([
      ["w1", tensor([WIDE, WIDE, 3, 3])],
      ["gamma", tensor([WIDE], 0.5, 1.5)],
      ["beta", tensor([WIDE])],
      ["mean", tensor([WIDE])],
      ["variance", tensor([WIDE], 0.5, 2)],
      ["w2", tensor([WIDE, WIDE, 1, 1])],
      ["b2", tensor([WIDE])],
      ["w3", tensor([WIDE, WIDE, 1, 1])],
      ["weight", tensor([dims[0]!, WIDE, 1, 1], -1, 1)],
    ]),
  };
}

const trained = ["w1", "gamma", "beta", "w2", "b2", "w3"];

async function results(graph: Graph, shapes: Shapes, x: Float32Array, dims: readonly number[]) {
  const differentiated = gradients(graph, shapes, "loss", trained);
  const session = await openSession(encodeModelWhole(modelOf(differentiated.graph)), { threads: 1 });
  const yielded = await session.run({ x: { dims, data: x } });
  await session.close();
  const values = (name: string): Float32Array => yielded[name]!.data as Float32Array;
  return new Map([
    ["loss", values("loss")],
    ...trained.map((name) => [name, values(differentiated.gradientOf.get(name)!)] as const),
  ]);
}

describe("prepare", () => {
  test("leaves the loss and every gradient as they were, with channels last on small maps", async () => {
    const pad = fc.integer({ min: 0, max: 2 });
    const layouts = fc.record({
      height: fc.integer({ min: 3, max: 7 }),
      width: fc.integer({ min: 3, max: 7 }),
      stride: fc.integer({ min: 1, max: 3 }),
      pads: fc.tuple(pad, pad, pad, pad),
    });
    await fc.assert(
      fc.asyncProperty(layouts, fc.integer({ min: 1, max: 1000 }), async (layout, seed) => {
        const dims = [2, WIDE, layout.height, layout.width];
        const graph = block(layout, seed, dims);
        const shapes = await measureShapes(modelOf(graph), { x: dims });
        const prepared = prepare(graph, shapes, new Set(trained));
        expect([...prepared.kernels]).toEqual(["w1"]);
        expect(prepared.graph.nodes.filter(({ op }) => op === "BatchNormalization")).toEqual([]);
        const x = Float32Array.from(between(createRandom(seed + 1), dims, -1, 1).values);
        const before = await results(graph, shapes, x, dims);
        const after = await results(prepared.graph, prepared.shapes, x, dims);
        for (const [name, values] of before) {
          const own = after.get(name)!;
          const ordered = prepared.kernels.has(name) ? toChannelsFirst(own, [WIDE, WIDE, 3, 3]) : own;
          const largest = Math.max(...values.map(Math.abs));
          expect(ordered.length).toBe(values.length);
          const apart = values.reduce((most, value, i) => Math.max(most, Math.abs(value - ordered[i]!)), 0);
          expect(apart, name).toBeLessThan(1e-4 * Math.max(largest, 1e-3));
        }
      }),
      { numRuns: 12, seed: 3 },
    );
  });

  test("stores kernels with channels last, and converts them back", async () => {
    const layout = { height: 5, width: 5, stride: 1, pads: [1, 1, 1, 1] } as const;
    const dims = [1, WIDE, 5, 5];
    const graph = block(layout, 1, dims);
    const { graph: prepared } = prepare(graph, await measureShapes(modelOf(graph), { x: dims }), new Set(trained));
    const [own, held] = [graph.initializers.get("w1")!, prepared.initializers.get("w1")!];
    expect(held.dims).toEqual([WIDE, 3, 3, WIDE]);
    expect(asFloat32(held)).not.toEqual(asFloat32(own));
    expect(toChannelsFirst(asFloat32(held), own.dims)).toEqual(asFloat32(own));
  });

  test("leaves frozen layers, large maps, thin convolutions and shared kernels alone", async () => {
    const kernelsOf = async (graph: Graph, dims: readonly number[], names: readonly string[]): Promise<string[]> => {
      const shapes = await measureShapes(modelOf(graph), { x: dims });
      return [...prepare(graph, shapes, new Set(names)).kernels];
    };
    const layout = { height: 5, width: 5, stride: 1, pads: [1, 1, 1, 1] } as const;
    const dims = [1, WIDE, 5, 5];
    const graph = block(layout, 1, dims);
    expect(await kernelsOf(graph, dims, ["w2"])).toEqual([]);
    expect(await kernelsOf(block(layout, 1, [1, WIDE, 9, 9]), [1, WIDE, 9, 9], trained)).toEqual([]);
    const shared = { ...graph, nodes: [node("ReduceSum", ["w1"], ["also"]), ...graph.nodes] };
    expect(await kernelsOf(shared, dims, trained)).toEqual([]);
    const thin = new Map(graph.initializers).set(
      "w1",
      float32Tensor([8, WIDE, 3, 3], new Float32Array(elementCount([8, WIDE, 3, 3]))),
    );
    const narrow: Graph = {
      ...graph,
      nodes: [
        node("Conv", ["x", "w1"], ["c"], { pads: [1, 1, 1, 1] }),
        node("ReduceSum", ["c"], ["loss"], { keepdims: 0 }),
      ],
      initializers: thin,
    };
    expect(await kernelsOf(narrow, dims, ["w1"])).toEqual([]);
  });
});
