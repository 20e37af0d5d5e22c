/** Every kind of layer against TensorFlow.js itself, on tiny models with reproducible weights. */
import type { SymbolicTensor } from "@tensorflow/tfjs";
import fc from "fast-check";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { convertSaved, disagreement, largestDifference, noise, runOnnx, save, seedWeights, tf } from "./testing.ts";

const TOLERANCE = 1e-4;

beforeAll(async () => {
  await tf.setBackend("cpu");
});
afterEach(() => tf.disposeVariables());

/** A model of the layers that `make` adds to an input of `[height, width, 3]`. */
function around(make: (input: SymbolicTensor) => SymbolicTensor, height = 7, width = 6): tf.LayersModel {
  const input = tf.input({ shape: [height, width, 3] });
  return tf.model({ inputs: input, outputs: make(input) });
}
const stack =
  (...layers: readonly tf.layers.Layer[]) =>
  (input: SymbolicTensor): SymbolicTensor =>
    layers.reduce((tensor, layer) => layer.apply(tensor) as SymbolicTensor, input);

const windows = fc
  .record({
    height: fc.integer({ min: 5, max: 12 }),
    width: fc.integer({ min: 5, max: 12 }),
    kernel: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
    stride: fc.integer({ min: 1, max: 3 }),
    dilation: fc.integer({ min: 1, max: 2 }),
    padding: fc.constantFrom("same" as const, "valid" as const),
    bias: fc.boolean(),
  })
  // Like Keras, TensorFlow.js accepts only one of the two.
  .map((of) => (of.stride > 1 ? { ...of, dilation: 1 } : of));

describe("convolutions agree with TensorFlow.js", () => {
  it("Conv2D, for any window", async () => {
    await fc.assert(
      fc.asyncProperty(windows, async ({ height, width, kernel, stride, dilation, padding, bias }) => {
        const layer = tf.layers.conv2d({
          filters: 4,
          kernelSize: kernel,
          strides: stride,
          dilationRate: dilation,
          padding,
          useBias: bias,
          activation: "relu",
        });
        expect(await disagreement(around(stack(layer), height, width))).toBeLessThan(TOLERANCE);
      }),
      { numRuns: 25, seed: 1 },
    );
  });

  it("DepthwiseConv2D, for any window and one or two outputs per channel", async () => {
    await fc.assert(
      fc.asyncProperty(
        windows,
        fc.integer({ min: 1, max: 2 }),
        async ({ height, width, kernel, stride, padding, bias }, depthMultiplier) => {
          const layer = tf.layers.depthwiseConv2d({
            kernelSize: kernel,
            strides: stride,
            padding,
            useBias: bias,
            depthMultiplier,
          });
          expect(await disagreement(around(stack(layer), height, width))).toBeLessThan(TOLERANCE);
        },
      ),
      { numRuns: 20, seed: 2 },
    );
  });

  it.each(["same", "valid"] as const)("DepthwiseConv2D with dilation, padding %s", async (padding) => {
    // TensorFlow.js' layer ignores the dilation (it passes null); Keras and TensorFlow.js' operation do not.
    const model = around(stack(tf.layers.depthwiseConv2d({ kernelSize: [3, 2], dilationRate: 2, padding })));
    seedWeights(model);
    const [kernel, bias] = model.getWeights() as [tf.Tensor4D, tf.Tensor1D];
    const images = noise(7 * 6 * 3);
    const reference = tf
      .depthwiseConv2d(tf.tensor4d(images, [1, 7, 6, 3]), kernel, 1, padding, "NHWC", 2)
      .add(bias)
      .transpose([0, 3, 1, 2]);
    const { dims, data } = await runOnnx(await convertSaved(await save(model)), images, [1, 7, 6, 3]);
    expect(dims).toEqual(reference.shape);
    expect(largestDifference(data as Float32Array, reference.dataSync() as Float32Array)).toBeLessThan(TOLERANCE);
  });

  it.each([
    { kernelSize: 3, strides: 1, padding: "same", depthMultiplier: 1 },
    { kernelSize: 3, strides: 2, padding: "same", depthMultiplier: 2 },
    { kernelSize: 2, strides: 1, padding: "valid", depthMultiplier: 1, useBias: false },
  ] as const)("SeparableConv2D %o", async (of) => {
    const layer = tf.layers.separableConv2d({ filters: 5, activation: "tanh", ...of });
    expect(await disagreement(around(stack(layer)))).toBeLessThan(TOLERANCE);
  });
});

describe("pooling agrees with TensorFlow.js", () => {
  it.each(
    ["maxPooling2d", "averagePooling2d"].flatMap((kind) =>
      (["same", "valid"] as const).flatMap((padding) =>
        [1, 2, 3].map((strides) => ({ kind: kind as "maxPooling2d" | "averagePooling2d", padding, strides })),
      ),
    ),
  )("$kind, padding $padding, strides $strides", async ({ kind, padding, strides }) => {
    const layer = tf.layers[kind]({ poolSize: [3, 2], strides, padding });
    expect(await disagreement(around(stack(layer)))).toBeLessThan(TOLERANCE);
  });

  it("over the whole map", async () => {
    expect(await disagreement(around(stack(tf.layers.globalAveragePooling2d({}))))).toBeLessThan(TOLERANCE);
    expect(await disagreement(around(stack(tf.layers.globalMaxPooling2d({}))))).toBeLessThan(TOLERANCE);
  });
});

describe("the other layers agree with TensorFlow.js", () => {
  const conv = () => tf.layers.conv2d({ filters: 4, kernelSize: 1 });

  it.each<[string, () => tf.layers.Layer[]]>([
    ["BatchNormalization", () => [tf.layers.batchNormalization({ epsilon: 0.01 })]],
    ["BatchNormalization without scale", () => [tf.layers.batchNormalization({ scale: false })]],
    ["BatchNormalization without centre", () => [tf.layers.batchNormalization({ center: false })]],
    ["BatchNormalization of a vector", () => [tf.layers.flatten(), tf.layers.batchNormalization()]],
    ["ReLU", () => [tf.layers.reLU({})]],
    ["ReLU up to 6", () => [conv(), conv(), tf.layers.reLU({ maxValue: 6 })]],
    ["ReLU up to a half", () => [tf.layers.reLU({ maxValue: 0.5 })]],
    ["Softmax of a vector", () => [tf.layers.flatten(), tf.layers.softmax({})]],
    ["Softmax over a map's channels", () => [tf.layers.softmax({ axis: -1 })]],
    [
      "ZeroPadding2D",
      () => [
        tf.layers.zeroPadding2d({
          padding: [
            [0, 1],
            [2, 3],
          ],
        }),
      ],
    ],
    ["ZeroPadding2D, one number per side", () => [tf.layers.zeroPadding2d({ padding: [1, 2] })]],
    ["Flatten, then Dense", () => [conv(), tf.layers.flatten(), tf.layers.dense({ units: 5, activation: "softmax" })]],
    ["Dense without bias", () => [tf.layers.flatten(), tf.layers.dense({ units: 5, useBias: false })]],
    ["Reshape of a map", () => [tf.layers.reshape({ targetShape: [6, 7, 3] })]],
    ["Reshape to a vector", () => [tf.layers.reshape({ targetShape: [-1] })]],
    [
      "Reshape to a point, as in MobileNet",
      () => [
        tf.layers.globalAveragePooling2d({}),
        tf.layers.reshape({ targetShape: [1, 1, 3] }),
        conv(),
        tf.layers.reshape({ targetShape: [4] }),
      ],
    ],
    ["Dropout", () => [tf.layers.dropout({ rate: 0.5 })]],
  ])("%s", async (_, layers) => {
    expect(await disagreement(around(stack(...layers())))).toBeLessThan(TOLERANCE);
  });

  it.each(["linear", "relu", "relu6", "sigmoid", "tanh", "elu", "selu", "softplus", "softmax", "hardSigmoid", "swish"])(
    "activation %s",
    async (activation) => {
      const layer = tf.layers.activation({ activation: activation as "relu" });
      expect(await disagreement(around(stack(layer)))).toBeLessThan(TOLERANCE);
    },
  );

  it.each(["add", "multiply", "maximum", "concatenate"] as const)("%s of three branches", async (kind) => {
    const model = around((input) => {
      const branches = [1, 2, 3].map((kernelSize) =>
        stack(tf.layers.conv2d({ filters: 4, kernelSize, padding: "same" }))(input),
      );
      return tf.layers[kind]().apply(branches) as SymbolicTensor;
    });
    expect(await disagreement(model)).toBeLessThan(TOLERANCE);
  });

  it("a Sequential, whose first layer defines the input", async () => {
    const model = tf.sequential({
      layers: [
        tf.layers.conv2d({ filters: 4, kernelSize: 3, inputShape: [8, 8, 3] }),
        tf.layers.globalAveragePooling2d({}),
        tf.layers.dense({ units: 3 }),
      ],
    });
    expect(await disagreement(model)).toBeLessThan(TOLERANCE);
  });
});

describe("names", () => {
  it("a layer's output has the layer's name, after its activation", async () => {
    const model = around(
      stack(
        tf.layers.conv2d({ name: "first", filters: 4, kernelSize: 3, activation: "relu" }),
        tf.layers.globalAveragePooling2d({ name: "second" }),
      ),
    );
    seedWeights(model);
    const converted = await convertSaved(await save(model));
    const image = new Float32Array(7 * 6 * 3).fill(0.5);
    const features = await runOnnx(converted, image, [1, 7, 6, 3], "first");
    expect(features.dims).toEqual([1, 4, 5, 4]);
    expect(Math.min(...(features.data as Float32Array))).toBeGreaterThanOrEqual(0);
    expect(converted.graph.outputs[0]).toEqual({ name: "second", type: "float32", dims: ["N", 4] });
  });
});
