import { expect, test } from "vitest";
import { type Graph, node } from "../../onnx/model.ts";
import { checkMemory, inGigabytes, peakBytes } from "./step-engine.ts";

const graph: Graph = {
  name: "chain",
  nodes: [
    node("Relu", ["x"], ["a"]),
    node("Neg", ["a"], ["b"]),
    node("Add", ["a", "b"], ["c"]),
    node("Abs", ["c"], ["y"]),
  ],
  inputs: [{ name: "x", type: "float32", dims: [100] }],
  outputs: [{ name: "y" }],
  initializers: new Map(),
};

test("counts the tensors that are alive at once, by when each is last read", () => {
  const shapes = new Map(["x", "a", "b", "c", "y"].map((name) => [name, { type: "float32", dims: [100] } as const]));
  // a, b and c while c is made; x and y are others' matter.
  expect(peakBytes(graph, shapes)).toBe(3 * 400);
});

test("a training that does not fit is rejected with the batch size that would", () => {
  expect(() => checkMemory(1e9, 1e9, 32)).not.toThrow();
  expect(() => checkMemory(4e9, 1e9, 32)).toThrow(
    "Fine-tuning in batches of 32 would take about 4.0 GB of memory, and 1.0 GB are free: give --batch 8, or unfreeze fewer stages.",
  );
  expect(() => checkMemory(64e9, 1e9, 32)).toThrow("unfreeze fewer stages, or take a smaller network");
});

test("bytes in words", () => {
  expect([0, 1, 949e6, 1.26e9].map(inGigabytes)).toEqual(["0 MB", "1 MB", "949 MB", "1.3 GB"]);
});
