import { describe, expect, test } from "vitest";
import { encodeModelWhole } from "../codec/write-model.ts";
import { float32Tensor, type Graph, int64Tensor, modelOf, node } from "../model.ts";
import { openSession } from "../session/session.ts";
import { inferShapes } from "../session/shapes.ts";
import { freeBatch, placeAfterReshape } from "./free-batch.ts";
import { float16Value, widen } from "./simplify.ts";

describe("the place of the batch after a Reshape", () => {
  const own = (axis: number) => ({ axis, outer: 1 });
  test.each<
    [string, number[], number[], { axis: number; outer: number }, number, { axis: number; outer: number } | undefined]
  >([
    ["flattened", [1, 8, 1, 1], [1, 8], own(0), 1, own(0)],
    ["tokens into heads", [1, 17, 16], [1, 17, 2, 8], own(0), 1, own(0)],
    ["squeezed away", [1, 17, 16], [17, 16], own(0), 1, own(0)],
    ["merged with heads, batch first", [1, 2, 17, 8], [2, 17, 8], own(0), 1, own(0)],
    ["and out again", [2, 17, 8], [1, 2, 17, 8], own(0), 1, own(0)],
    ["sequence first, merged with heads", [17, 1, 16], [17, 2, 8], own(1), 1, own(1)],
    ["sequence first, merged with the sequence", [17, 1, 16], [17, 16], own(1), 1, { axis: 0, outer: 17 }],
    ["sequence first, heads merged", [17, 1, 2, 8], [17, 16], own(1), 1, { axis: 0, outer: 17 }],
    ["and out of the sequence again", [17, 16], [17, 1, 16], { axis: 0, outer: 17 }, 1, own(1)],
    ["a batch of 4, merged", [17, 4, 16], [68, 16], own(1), 4, { axis: 0, outer: 17 }],
    ["a batch of 4, merged with heads", [4, 2, 17, 8], [8, 17, 8], own(0), 4, own(0)],
    ["split between images", [4, 6], [2, 12], own(0), 4, undefined],
  ])("%s", (_, from, to, place, batch, expected) => {
    expect(placeAfterReshape(from, to, place, batch)).toEqual(expected);
  });
});

describe("freeBatch", () => {
  /** A class token concatenated to two tokens per image, all reshaped to a vector; exported for one image. */
  const graph: Graph = {
    name: "g",
    nodes: [
      node("Reshape", ["x", "tokens"], ["sequence"]),
      node("Concat", ["token", "sequence"], ["joined"], { axis: 1 }),
      node("Reshape", ["joined", "vector"], ["y"]),
    ],
    inputs: [{ name: "x", type: "float32", dims: [1, 4] }],
    outputs: [{ name: "y", type: "float32", dims: [1, 6] }],
    initializers: new Map([
      ["tokens", int64Tensor([3], [1, 2, 2])],
      ["token", float32Tensor([1, 1, 2], [8, 9])],
      ["vector", int64Tensor([2], [1, -1])],
    ]),
  };

  test("takes any number of images and computes the same for each", async () => {
    const free = freeBatch(graph, await inferShapes(modelOf(graph)));
    expect(free.inputs[0]!.dims).toEqual(["N", 4]);
    const session = await openSession(encodeModelWhole(modelOf(free)));
    const { y } = await session.run({ x: { dims: [3, 4], data: Float32Array.from({ length: 12 }, (_, i) => i) } });
    await session.close();
    expect(y!.dims).toEqual([3, 6]);
    expect([...(y!.data as Float32Array)]).toEqual([8, 9, 0, 1, 2, 3, 8, 9, 4, 5, 6, 7, 8, 9, 8, 9, 10, 11]);
  });
});

describe("widen", () => {
  test.each([
    [0x3c00, 1],
    [0xc000, -2],
    [0x3555, 0.333251953125],
    [0x0001, 2 ** -24],
    [0x03ff, 1023 * 2 ** -24],
    [0x7bff, 65504],
    [0x8000, -0],
    [0xfc00, Number.NEGATIVE_INFINITY],
    [0x7e00, Number.NaN],
  ])("%i", (bits, value) => {
    expect(float16Value(bits)).toBe(value);
  });

  test("makes every weight, cast and declared type float32", async () => {
    const half = (type: "float16" | "bfloat16", ...bits: number[]) =>
      ({ type, dims: [bits.length], bytes: new Uint8Array(Uint16Array.from(bits).buffer) }) as const;
    const graph: Graph = {
      name: "g",
      nodes: [
        node("Cast", ["x"], ["h"], { to: 10 }),
        node("Mul", ["h", "w"], ["m"]),
        node("Constant", [], ["c"], { value: { type: "tensor", value: half("bfloat16", 0x3fc0, 0xbf80) } }),
        node("Add", ["m", "c"], ["y"]),
      ],
      inputs: [{ name: "x", type: "float16", dims: [2] }],
      outputs: [{ name: "y", type: "float16", dims: [2] }],
      initializers: new Map([["w", half("float16", 0x4000, 0x3800)]]),
    };
    const session = await openSession(encodeModelWhole(modelOf(widen(graph))));
    const { y } = await session.run({ x: { dims: [2], data: Float32Array.of(1, 3) } });
    await session.close();
    expect([...(y!.data as Float32Array)]).toEqual([3.5, 0.5]);
  });

  test("leaves other graphs unchanged, and refuses unknown operators", () => {
    const plain: Graph = { name: "g", nodes: [], inputs: [], outputs: [], initializers: new Map() };
    expect(widen(plain)).toBe(plain);
    const fused = { ...node("FusedGemm", ["x"], ["y"]), domain: "com.microsoft" };
    const input = { name: "x", type: "float16" as const };
    expect(() => widen({ ...plain, nodes: [fused], inputs: [input] })).toThrow("export it in float32");
  });
});
