import { describe, expect, it } from "vitest";
import { encodeModelWhole } from "../codec/write-model.ts";
import { type AttributeLike, float32Tensor, type Graph, modelOf, node } from "../model.ts";
import { openSession } from "../session/session.ts";
import { wholeMapConvolutionsAsGemm } from "./simplify.ts";

const wave = (count: number): Float32Array => Float32Array.from({ length: count }, (_, i) => Math.cos(0.7 * i));

const graphOf = (attributes: Record<string, AttributeLike> = {}, kernel = 3): Graph => ({
  name: "whole",
  nodes: [node("Conv", ["x", "w", "b"], ["y"], attributes)],
  inputs: [{ name: "x", type: "float32", dims: ["N", 2, 3, 3] }],
  outputs: [{ name: "y", type: "float32" }],
  initializers: new Map([
    ["w", float32Tensor([4, 2, kernel, kernel], wave(8 * kernel ** 2))],
    ["b", float32Tensor([4], wave(4))],
  ]),
});
const shapes = new Map([["x", { dims: [1, 2, 3, 3] }]]);

async function outputOf(graph: Graph): Promise<{ dims: readonly number[]; data: number[] }> {
  const session = await openSession(encodeModelWhole(modelOf(graph)));
  const { y } = await session.run({ x: { dims: [5, 2, 3, 3], data: wave(90) } });
  await session.close();
  return { dims: y!.dims, data: [...(y!.data as Float32Array)] };
}

describe("a convolution over the whole map", () => {
  it("becomes a matrix product with the same outputs and the same bytes", async () => {
    const graph = graphOf();
    const rewritten = wholeMapConvolutionsAsGemm(graph, shapes);
    expect(rewritten.nodes.map(({ op }) => op)).toEqual(["Flatten", "Gemm", "Reshape"]);
    expect(rewritten.initializers.get("w")!.bytes).toBe(graph.initializers.get("w")!.bytes);
    const [before, after] = [await outputOf(graph), await outputOf(rewritten)];
    expect(after.dims).toEqual(before.dims);
    for (const [i, value] of before.data.entries()) expect(after.data[i]).toBeCloseTo(value, 5);
  });

  it.each([
    ["padded", graphOf({ pads: [1, 1, 1, 1] })],
    ["with a smaller kernel", graphOf({}, 2)],
    ["1 × 1", graphOf({}, 1)],
  ])("does not include one %s", (_, graph) => {
    expect(wholeMapConvolutionsAsGemm(graph, shapes)).toEqual(graph);
  });
});
