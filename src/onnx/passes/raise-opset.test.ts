import { describe, expect, test } from "vitest";
import { float, float32Tensor, int64Tensor, node } from "../model.ts";
import { raiseOpset } from "./raise-opset.ts";
import { expectSame, floats, ints, type Old, old, one } from "./testing-opsets.ts";

describe("forms that are converted", () => {
  const scales = { scales: float32Tensor([4], [1, 1, 2.5, 3]) };
  const cases: readonly (readonly [string, Old, readonly number[]])[] = [
    [
      "Upsample 7 nearest",
      { opset: 7, dims: ["N", 2, 3, 4], nodes: [one("Upsample", { scales: floats(1, 1, 2, 1.5) })] },
      [2, 2, 3, 4],
    ],
    [
      "Upsample 9 nearest",
      { opset: 9, dims: ["N", 2, 3, 4], constants: scales, nodes: [one("Upsample", {}, ["x", "scales"])] },
      [1, 2, 3, 4],
    ],
    [
      "Upsample 9 linear",
      {
        opset: 9,
        dims: ["N", 2, 3, 4],
        constants: scales,
        nodes: [one("Upsample", { mode: "linear" }, ["x", "scales"])],
      },
      [1, 2, 3, 4],
    ],
    [
      "Resize 10 nearest, larger",
      { opset: 10, dims: ["N", 2, 3, 4], constants: scales, nodes: [one("Resize", {}, ["x", "scales"])] },
      [1, 2, 3, 4],
    ],
    [
      "Resize 10 nearest, smaller",
      {
        opset: 10,
        dims: ["N", 2, 9, 8],
        constants: { scales: float32Tensor([4], [1, 1, 0.4, 0.7]) },
        nodes: [one("Resize", {}, ["x", "scales"])],
      },
      [1, 2, 9, 8],
    ],
    [
      "Resize 10 linear, smaller and larger",
      {
        opset: 10,
        dims: ["N", 2, 9, 8],
        constants: { scales: float32Tensor([4], [1, 1, 0.4, 1.7]) },
        nodes: [one("Resize", { mode: "linear" }, ["x", "scales"])],
      },
      [1, 2, 9, 8],
    ],
    [
      "Resize 10 with scales of a Constant node",
      {
        opset: 10,
        dims: ["N", 2, 9, 8],
        nodes: [
          node("Constant", [], ["scales"], { value: { type: "tensor", value: float32Tensor([4], [1, 1, 0.5, 0.5]) } }),
          one("Resize", {}, ["x", "scales"]),
        ],
      },
      [1, 2, 9, 8],
    ],
    ...["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "tf_half_pixel_for_nn"].flatMap(
      (coordinates) =>
        ["nearest", "linear", "cubic"].map((mode): readonly [string, Old, readonly number[]] => [
          `Resize 11 ${mode}, ${coordinates}`,
          {
            opset: 11,
            dims: ["N", 2, 9, 8],
            constants: { none: float32Tensor([0], []), sizes: int64Tensor([4], [1, 2, 5, 13]) },
            nodes: [
              one("Resize", { mode, coordinate_transformation_mode: coordinates }, ["x", "none", "none", "sizes"]),
            ],
          },
          [1, 2, 9, 8],
        ]),
    ),
    [
      "TopK 9",
      { opset: 9, dims: ["N", 7], outputs: ["y", "i"], nodes: [node("TopK", ["x"], ["y", "i"], { k: 3, axis: 1 })] },
      [2, 7],
    ],
    [
      "Scatter 9",
      {
        opset: 9,
        dims: ["N", 4],
        constants: { i: int64Tensor([1, 2], [3, 0]), u: float32Tensor([1, 2], [8, 9]) },
        nodes: [one("Scatter", { axis: 1 }, ["x", "i", "u"])],
      },
      [1, 4],
    ],
    [
      "RoiAlign 10",
      {
        opset: 10,
        dims: ["N", 2, 9, 9],
        constants: { rois: float32Tensor([2, 4], [0, 1, 6, 7, 2, 2, 8, 5]), of: int64Tensor([2], [0, 0]) },
        nodes: [one("RoiAlign", { output_height: 3, output_width: 2, sampling_ratio: 2 }, ["x", "rois", "of"])],
      },
      [1, 2, 9, 9],
    ],
    [
      "Slice 9 to the end",
      {
        opset: 9,
        dims: ["N", 5, 4],
        nodes: [one("Slice", { starts: ints(1, -3), ends: ints(2 ** 63, -1), axes: ints(1, 2) })],
      },
      [2, 5, 4],
    ],
    ["Pad 2", { opset: 9, dims: ["N", 3], nodes: [one("Pad", { pads: ints(0, 1, 0, 2), value: float(4) })] }, [2, 3]],
    [
      "Pad 2 reflect",
      { opset: 9, dims: ["N", 3], nodes: [one("Pad", { pads: ints(0, 1, 0, 2), mode: "reflect" })] },
      [2, 3],
    ],
    ["Clip 6 without bounds", { opset: 9, dims: ["N", 3], nodes: [one("Clip")] }, [2, 3]],
    ["Clip 6 with one bound", { opset: 9, dims: ["N", 3], nodes: [one("Clip", { max: float(0.5) })] }, [2, 3]],
    [
      "Split 2 in sizes",
      {
        opset: 11,
        dims: ["N", 6],
        outputs: ["y", "z"],
        nodes: [node("Split", ["x"], ["y", "z"], { axis: 1, split: ints(2, 4) })],
      },
      [2, 6],
    ],
    [
      "Split 2 in equal parts",
      { opset: 11, dims: ["N", 6], outputs: ["y", "z"], nodes: [node("Split", ["x"], ["y", "z"], { axis: 1 })] },
      [2, 6],
    ],
    [
      "Split 13 in equal parts",
      { opset: 13, dims: ["N", 6], outputs: ["y", "z"], nodes: [node("Split", ["x"], ["y", "z"], { axis: -1 })] },
      [2, 6],
    ],
    ["Squeeze 1", { opset: 9, dims: ["N", 1, 3, 1], nodes: [one("Squeeze", { axes: ints(1) })] }, [2, 1, 3, 1]],
    ["Squeeze 1 of all", { opset: 9, dims: ["N", 1, 3, 1], nodes: [one("Squeeze")] }, [2, 1, 3, 1]],
    ["Unsqueeze 11", { opset: 11, dims: ["N", 3], nodes: [one("Unsqueeze", { axes: ints(-1, 1) })] }, [2, 3]],
    ...["Mean", "Max", "Min", "Prod", "L1", "L2", "LogSumExp", "SumSquare", "Sum"].flatMap((kind) =>
      [{ axes: ints(1, -1), keepdims: 0 }, {}].map((attributes): readonly [string, Old, readonly number[]] => [
        `Reduce${kind} 11 ${Object.keys(attributes).join(" ")}`,
        { opset: 11, dims: ["N", 2, 3], nodes: [node("Abs", ["x"], ["a"]), one(`Reduce${kind}`, attributes, ["a"])] },
        [2, 2, 3],
      ]),
    ),
    [
      "Dropout 7 with an unused mask",
      { opset: 9, dims: ["N", 3], nodes: [node("Dropout", ["x"], ["y", "mask"])] },
      [2, 3],
    ],
    ["Dropout 12", { opset: 12, dims: ["N", 3], nodes: [node("Dropout", ["x"], ["y"])] }, [2, 3]],
    [
      "BatchNormalization 7",
      {
        opset: 7,
        dims: ["N", 2, 3],
        constants: {
          s: float32Tensor([2], [1, 2]),
          b: float32Tensor([2], [3, 4]),
          m: float32Tensor([2], [0.5, 1]),
          v: float32Tensor([2], [2, 3]),
        },
        nodes: [one("BatchNormalization", { spatial: 1 }, ["x", "s", "b", "m", "v"])],
      },
      [2, 2, 3],
    ],
    [
      "AveragePool 7, not counting pads",
      {
        opset: 7,
        dims: ["N", 1, 5, 5],
        nodes: [one("AveragePool", { kernel_shape: ints(3, 3), pads: ints(1, 1, 1, 1), strides: ints(2, 2) })],
      },
      [1, 1, 5, 5],
    ],
    [
      "AveragePool 10, ceil_mode",
      {
        opset: 10,
        dims: ["N", 1, 6, 6],
        nodes: [one("AveragePool", { kernel_shape: ints(3, 3), strides: ints(2, 2), ceil_mode: 1 })],
      },
      [1, 1, 6, 6],
    ],
    [
      "GridSample 16",
      {
        opset: 16,
        dims: ["N", 1, 4, 4],
        constants: { g: float32Tensor([1, 1, 2, 2], [0.1, -0.4, 0.8, 1.2]) },
        nodes: [one("GridSample", {}, ["x", "g"])],
      },
      [1, 1, 4, 4],
    ],
    [
      "DepthToSpace 1",
      { opset: 9, dims: ["N", 8, 2, 2], nodes: [one("DepthToSpace", { blocksize: 2 })] },
      [1, 8, 2, 2],
    ],
    [
      "ConvTranspose 1 with auto_pad",
      {
        opset: 9,
        dims: ["N", 1, 3, 3],
        constants: { w: float32Tensor([1, 1, 2, 2], [1, 2, 3, 4]) },
        nodes: [one("ConvTranspose", { auto_pad: "SAME_UPPER", strides: ints(1, 1) }, ["x", "w"])],
      },
      [1, 1, 3, 3],
    ],
  ];

  test.each(cases)("%s", async (_, form, dims) => {
    await expectSame(old(form), dims);
  });
});

describe("forms that are refused in one sentence", () => {
  const norm = {
    s: float32Tensor([2], [1, 2]),
    b: float32Tensor([2], [3, 4]),
    m: float32Tensor([2], [0, 1]),
    v: float32Tensor([2], [2, 3]),
  };
  const named = ["x", "s", "b", "m", "v"];
  test.each<[string, Old, string]>([
    [
      "a mask of Dropout that is read",
      { opset: 9, dims: ["N", 3], outputs: ["y", "mask"], nodes: [node("Dropout", ["x"], ["y", "mask"])] },
      "mask that the network uses",
    ],
    [
      "BatchNormalization with the outputs of training",
      {
        opset: 9,
        dims: ["N", 2],
        constants: norm,

        nodes: [node("BatchNormalization", named, ["y", "m2", "v2", "m3", "v3"])],
      },
      "statistics of each batch",
    ],
    [
      "BatchNormalization for each pixel",
      { opset: 7, dims: ["N", 2], constants: norm, nodes: [one("BatchNormalization", { spatial: 0 }, named)] },
      "spatial = 0",
    ],
    [
      "Resize 10 that enlarges and shrinks",
      {
        opset: 10,
        dims: ["N", 2, 9, 8],
        constants: { scales: float32Tensor([4], [1, 1, 0.4, 2]) },
        nodes: [one("Resize", {}, ["x", "scales"])],
      },
      "older than opset 11",
    ],
    ["Scan 8", { opset: 8, dims: ["N", 2], nodes: [one("Scan")] }, "older than opset 9"],
    ["ImageScaler", { opset: 8, dims: ["N", 3, 2, 2], nodes: [one("ImageScaler")] }, "older than opset 10"],
  ])("%s", (_, form, sentence) => {
    expect(() => raiseOpset(old(form))).toThrow(sentence);
    expect(() => raiseOpset(old(form))).toThrow(/: export the network .*\.$/);
  });
});
