import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { expect, it } from "vitest";
import { float32Tensor, type Model, modelOf, node } from "../model.ts";
import { LARGE_MODEL_BYTES, openModel } from "./mapped-model.ts";

/** y = x · w + b with `rows` × 64 weights. */
function linear(rows: number): Model {
  const weights = Float32Array.from({ length: rows * 64 }, (_, i) => (i % 7) - 3);
  return modelOf({
    name: "linear",
    nodes: [node("MatMul", ["x", "w"], ["product"]), node("Add", ["product", "b"], ["y"])],
    inputs: [{ name: "x", type: "float32", dims: ["N", rows] }],
    outputs: [{ name: "y", type: "float32", dims: ["N", 64] }],
    initializers: new Map([
      ["w", float32Tensor([rows, 64], weights)],
      ["b", float32Tensor([64], new Float32Array(64).fill(0.5))],
    ]),
  });
}

it.each([
  ["in memory", 16],
  ["through a file", LARGE_MODEL_BYTES / 256],
])("a model %s computes its outputs and leaves no file behind", async (_, rows) => {
  const before = readdirSync(tmpdir()).filter((name) => name.startsWith("graft-model-"));
  const session = await openModel(linear(rows));
  const data = new Float32Array(rows);
  data[5] = 2;
  const { y } = await session.run({ x: { dims: [1, rows], data } });
  const expected = Array.from({ length: 64 }, (_, j) => 2 * (((5 * 64 + j) % 7) - 3) + 0.5);
  expect([...(y!.data as Float32Array)]).toEqual(expected);
  await session.close();
  expect(readdirSync(tmpdir()).filter((name) => name.startsWith("graft-model-"))).toEqual(before);
});
