import { describe, expect, it } from "vitest";
import { float16Value } from "../../onnx/passes/simplify.ts";
import type { TfliteTensor } from "./read-tflite.ts";
import { dequantised, rangeOf } from "./tflite-conversion.ts";

const tensor = (rest: Partial<TfliteTensor>): TfliteTensor => ({
  index: 0,
  name: "t",
  type: "uint8",
  dims: [4],
  ...rest,
});

describe("dequantised", () => {
  it("one scale for all: real = scale × (q − zero)", () => {
    const quantisation = { scales: [0.5], zeros: [128], axis: 0 };
    expect(dequantised(tensor({ bytes: Uint8Array.of(0, 127, 128, 255), quantisation }))).toEqual(
      Float32Array.of(-64, -0.5, 0, 63.5),
    );
  });

  it("one scale a channel, along any axis", () => {
    const bytes = Uint8Array.of(1, 2, 3, 255, 254, 253);
    const of = (dims: readonly number[], scales: readonly number[], axis: number) =>
      dequantised(tensor({ type: "int8", dims, bytes, quantisation: { scales, zeros: scales.map(() => 0), axis } }));
    expect(of([2, 3], [1, 10], 0)).toEqual(Float32Array.of(1, 2, 3, -10, -20, -30));
    expect(of([2, 3], [1, 10, 100], 1)).toEqual(Float32Array.of(1, 20, 300, -1, -20, -300));
  });

  it("leaves integers without a scale alone: they are shapes and axes", () => {
    expect(dequantised(tensor({ type: "int32", dims: [1], bytes: Uint8Array.of(1, 0, 0, 0) }))).toBeUndefined();
  });

  it("bytes that are not aligned", () => {
    const bytes = new Uint8Array(9).subarray(1);
    bytes.set(new Uint8Array(Float32Array.of(1.5, -2).buffer));
    expect(dequantised(tensor({ type: "float32", dims: [2], bytes }))).toEqual(Float32Array.of(1.5, -2));
  });
});

it("half precision: normal, subnormal, infinite, not a number", () => {
  expect([0x3c00, 0xc000, 0x7bff, 0x0001, 0x8000, 0xfc00].map(float16Value)).toEqual([
    1,
    -2,
    65504,
    2 ** -24,
    -0,
    Number.NEGATIVE_INFINITY,
  ]);
  expect(float16Value(0x7e00)).toBeNaN();
});

it("ranges: what 8 bits can hold, and everything for real numbers", () => {
  expect(rangeOf(tensor({ quantisation: { scales: [0.25], zeros: [4], axis: 0 } }))).toEqual({ low: -1, high: 62.75 });
  expect(rangeOf(tensor({ type: "int8", quantisation: { scales: [0.25], zeros: [-128], axis: 0 } }))).toEqual({
    low: 0,
    high: 63.75,
  });
  expect(rangeOf(tensor({ type: "float32" })).high).toBe(Number.POSITIVE_INFINITY);
});
