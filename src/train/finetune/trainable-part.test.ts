import { expect, test } from "vitest";
import { encodeModelWhole } from "../../onnx/codec/write-model.ts";
import { float32Tensor, type Graph, modelOf, node } from "../../onnx/model.ts";
import { openSession } from "../../onnx/session/session.ts";
import { inferShapes } from "../../onnx/session/shapes.ts";
import { withBatchStatistics } from "./trainable-part.ts";

const list = (...values: number[]) => float32Tensor([values.length], Float32Array.from(values));

const graph: Graph = {
  name: "normed",
  nodes: [node("BatchNormalization", ["x", "scale", "shift", "mean", "variance"], ["y"])],
  inputs: [{ name: "x", type: "float32", dims: [2, 2, 1, 2] }],
  outputs: [{ name: "y" }],
  initializers: new Map([
    ["scale", list(1, 2)],
    ["shift", list(0, 1)],
    ["mean", list(10, 10)],
    ["variance", list(4, 4)],
  ]),
};

test("each batch is normalised by its own statistics, which the running ones follow", async () => {
  const { graph: learning, shapes, carried } = withBatchStatistics(graph, await inferShapes(modelOf(graph)));
  expect(carried).toEqual([
    { name: "mean", next: "mean/next" },
    { name: "variance", next: "variance/next" },
  ]);
  expect(shapes.get("mean/next")?.dims).toEqual([2]);
  const outputs = ["y", "mean/next", "variance/next"].map((name) => ({ name }));
  const session = await openSession(encodeModelWhole(modelOf({ ...learning, outputs })));
  const x = { dims: [2, 2, 1, 2], data: Float32Array.of(1, 3, 0, 0, 5, 7, 8, 8) };
  const result = await session.run({ x });
  await session.close();
  // Channel 1 sees 1, 3, 5, 7: mean 4, variance 5; channel 2 sees 0, 0, 8, 8: mean 4, variance 16.
  const expected = [-3, -1, -1, -1, 1, 3, 1, 1].map((deviation, i) =>
    i % 4 < 2 ? deviation / Math.sqrt(5) : 2 * deviation + 1,
  );
  [...(result.y!.data as Float32Array)].forEach((value, i) => {
    expect(value).toBeCloseTo(expected[i]!, 4);
  });
  expect([...(result["mean/next"]!.data as Float32Array)].map((value) => value.toFixed(4))).toEqual([
    "9.4000",
    "9.4000",
  ]);
  expect(Number(result["variance/next"]!.data[0])).toBeCloseTo(0.9 * 4 + 0.1 * 5, 4);
});

test("norms whose statistics are computed are not changed", async () => {
  const computed: Graph = {
    ...graph,
    nodes: [
      node("Abs", ["mean"], ["own"]),
      node("BatchNormalization", ["x", "scale", "shift", "own", "variance"], ["y"]),
    ],
  };
  const { graph: learning, carried } = withBatchStatistics(computed, await inferShapes(modelOf(computed)));
  expect(carried).toEqual([]);
  expect(learning.nodes).toEqual(computed.nodes);
});
