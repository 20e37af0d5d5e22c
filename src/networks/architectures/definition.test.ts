import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeModelWhole } from "../../onnx/codec/write-model.ts";
import { modelOf } from "../../onnx/model.ts";
import { openSession } from "../../onnx/session/session.ts";
import { inferShapes } from "../../onnx/session/shapes.ts";
import { type ArchitectureBuilder, createArchitecture, type Place } from "./definition.ts";
import { batchNorm, classify, conv, depthwise, layerNorm, layerNorm2d, linear } from "./layers/learned-layers.ts";
import type { Padding, Pair, Window } from "./layers/tensor-layers.ts";
import {
  adaptiveAverage,
  add,
  averagePool,
  channelsFirst,
  channelsLast,
  concat,
  flatten,
  gelu,
  globalAverage,
  globalPool,
  hardSigmoid,
  hardSwish,
  maxPool,
  multiply,
  relu,
  relu6,
  reshape,
  sigmoid,
  silu,
} from "./layers/tensor-layers.ts";

type Layer = (b: ArchitectureBuilder, x: Place, name: string) => Place;

const pair: fc.Arbitrary<Pair> = fc.oneof(
  fc.integer({ min: 1, max: 3 }),
  fc.constantFrom<Pair>([1, 3], [3, 1], [2, 3]),
);
const padding: fc.Arbitrary<Padding> = fc.constantFrom<Padding>(0, 1, [0, 1], [0, 1, 1, 0], "same");
const window: fc.Arbitrary<Window> = fc.record({
  kernel: fc.constantFrom<Pair>(2, 3, [2, 3], [3, 2]),
  stride: pair,
  padding,
  dilation: fc.constantFrom<Pair>(1, 2, [1, 2]),
});
const activations = { relu, relu6, sigmoid, hardSigmoid, hardSwish, silu, gelu };

/** Layers from map to map. */
const layer: fc.Arbitrary<Layer> = fc.oneof(
  fc.tuple(window, fc.integer({ min: 1, max: 3 }), fc.boolean()).map(
    ([window, groups, bias]): Layer =>
      (b, x, name) =>
        conv(b, x, name, { ...window, bias, out: 4 * groups, groups: x.dims[0]! % groups ? 1 : groups }),
  ),
  window.map(
    (window): Layer =>
      (b, x, name) =>
        depthwise(b, x, name, window),
  ),
  window.map(({ dilation: _, ...window }): Layer => {
    const kernel = 3;
    return (b, x, name) => maxPool(b, x, name, { ...window, kernel });
  }),
  fc.tuple(window, fc.boolean()).map(
    ([{ dilation: _, ...window }, countPadding]): Layer =>
      (b, x, name) =>
        averagePool(b, x, name, { ...window, kernel: 3, countPadding }),
  ),
  fc.constantFrom<Layer>(
    ...Object.values(activations),
    (b, x, name) => batchNorm(b, x, name, { scale: false }),
    layerNorm2d,
    (b, x, name) => add(b, x, x, name),
    (b, x, name) => concat(b, [x, x], name),
    (b, x, name) => multiply(b, x, globalAverage(b, x, `${name}.gate`), name),
    (b, x, name) => channelsFirst(b, linear(b, channelsLast(b, x, `${name}.last`), `${name}.fc`, { out: 5 }), name),
    (b, x, name) => adaptiveAverage(b, x, name, 4),
    (b, x, name) => reshape(b, layerNorm(b, x, `${name}.norm`), name, [x.dims[0]!, x.dims[2]!, x.dims[1]!]),
  ),
);

describe("the builder", () => {
  it("tracks every shape as ONNX Runtime infers it", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(layer, { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 9, max: 16 }),
        async (layers, size) => {
          const places: Place[] = [];
          const b = recording(createArchitecture({ name: "net", inputSize: size }, { classes: 3 }), places);
          let x = b.image;
          try {
            for (const [index, layer] of layers.entries()) x = layer(b, x, `layer${index}`);
          } catch (error) {
            fc.pre(!String(error).includes("nothing is left"));
            throw error;
          }
          const { graph, parameters } = classify(b, globalPool(b, x), "fc");
          const declared = [...parameters].map(([name, { dims }]) => ({ name, type: "float32" as const, dims }));
          const shapes = await inferShapes(modelOf({ ...graph, inputs: [...graph.inputs, ...declared] }), {
            image: [2, 3, size, size],
          });
          for (const { name, dims } of places)
            expect(shapes.get(name)?.dims, name).toEqual(name.endsWith(".weight.T") ? dims : [2, ...dims]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("refuses images too small for the network, and two tensors of one name", () => {
    const b = createArchitecture({ name: "net", inputSize: 4 });
    expect(() => conv(b, b.image, "conv1", { out: 4, kernel: 7 })).toThrow(
      'net cannot process images of 4 px: nothing is left at "conv1"; use larger images.',
    );
    activations.relu(b, b.image, "act");
    expect(() => activations.relu(b, b.image, "act")).toThrow('two tensors "act"');
  });

  it("refuses groups that do not divide the channels", () => {
    const b = createArchitecture({ name: "net", inputSize: 4 });
    expect(() => conv(b, b.image, "conv1", { out: 4, kernel: 1, groups: 2 })).toThrow("2 groups");
  });
});

/** The builder, which adds every place that it returns to `places`. */
function recording(b: ArchitectureBuilder, places: Place[]): ArchitectureBuilder {
  return {
    ...b,
    add(...of) {
      const place = b.add(...of);
      places.push(place);
      return place;
    },
  };
}

describe("layers", () => {
  /** The output of a layer without parameters for an image `[3, 2, 2]`. */
  async function run(layer: Layer, image: readonly number[]): Promise<number[]> {
    const b = createArchitecture({ name: "net", inputSize: 2 });
    const { graph } = b.finish({
      features: b.image,
      logits: flatten(b, layer(b, b.image, "x"), "logits"),
      classifier: "",
    });
    const session = await openSession(encodeModelWhole(modelOf(graph)));
    try {
      const { logits } = await session.run({ image: { dims: [1, 3, 2, 2], data: Float32Array.from(image) } });
      return [...(logits!.data as Float32Array)];
    } finally {
      await session.close();
    }
  }

  const image = [-7, -3, -1, -0.5, 0, 0.25, 0.5, 1, 2, 3, 6, 8];
  const close = (found: readonly number[], expected: readonly number[]): void => {
    expect(found).toHaveLength(expected.length);
    for (const [index, value] of expected.entries()) expect(found[index]).toBeCloseTo(value, 5);
  };

  // torch.nn.functional's relu6, hardsigmoid, hardswish, silu and gelu of the same numbers
  it.each([
    ["relu6", activations.relu6, [0, 0, 0, 0, 0, 0.25, 0.5, 1, 2, 3, 6, 6]],
    [
      "hardSigmoid",
      activations.hardSigmoid,
      [0.0, 0.0, 0.333333, 0.416667, 0.5, 0.541667, 0.583333, 0.666667, 0.833333, 1.0, 1.0, 1.0],
    ],
    [
      "hardSwish",
      activations.hardSwish,
      [0.0, 0.0, -0.333333, -0.208333, 0.0, 0.135417, 0.291667, 0.666667, 1.666667, 3.0, 6.0, 8.0],
    ],
    [
      "silu",
      activations.silu,
      [
        -0.006377, -0.142278, -0.268941, -0.18877, 0.0, 0.140544, 0.31123, 0.731059, 1.761594, 2.857723, 5.985165,
        7.997317,
      ],
    ],
    [
      "gelu",
      activations.gelu,
      [0.0, -0.00405, -0.158655, -0.154269, 0.0, 0.149677, 0.345731, 0.841345, 1.9545, 2.99595, 6.0, 8.0],
    ],
  ] as const)("%s is PyTorch's", async (_, activation, expected) => {
    close(await run(activation, image), expected);
  });

  it("adaptiveAverage is PyTorch's adaptive_avg_pool2d, to more pixels", async () => {
    const found = await run((b, x, name) => adaptiveAverage(b, x, name, 3), [1, 2, 3, 5, ...Array(8).fill(0)]);
    close(found.slice(0, 9), [1, 1.5, 2, 2, 2.75, 3.5, 3, 4, 5]);
  });

  it("adaptiveAverage is PyTorch's adaptive_avg_pool2d, to fewer pixels", async () => {
    const stretched: Layer = (b, x, name) => adaptiveAverage(b, adaptiveAverage(b, x, `${name}.up`, 5), name, 3);
    const found = await run(stretched, [1, 2, 3, 5, ...Array(8).fill(0)]);
    close(found.slice(0, 9), [1, 1.5, 2, 2, 2.75, 3.5, 3, 4, 5]);
  });
});
