import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { elementCount } from "../../onnx/model.ts";
import { transposed } from "../tensorflow-layout.ts";
import { convertedAxis, convertedDims, sameOrder, toChannelsFirst, toChannelsLast } from "./tflite-conversion.ts";

const dims4 = fc.tuple(...[1, 2, 3, 4].map(() => fc.integer({ min: 1, max: 5 })));
const counted = (dims: readonly number[]) => Float32Array.from({ length: elementCount(dims) }, (_, index) => index);

describe("transposed", () => {
  it("moves channels to the front", () => {
    const moved = transposed({ dims: [1, 1, 2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }, toChannelsFirst);
    expect(moved).toEqual({ dims: [1, 3, 1, 2], data: Float32Array.of(1, 4, 2, 5, 3, 6) });
  });

  it("is undone by the order that puts them last", () => {
    fc.assert(
      fc.property(dims4, (dims) => {
        const there = transposed({ dims, data: counted(dims) }, toChannelsFirst);
        expect(there.dims).toEqual(convertedDims(dims));
        expect(transposed(there, toChannelsLast)).toEqual({ dims, data: counted(dims) });
      }),
    );
  });

  it("keeps the order exactly where sameOrder says so", () => {
    fc.assert(
      fc.property(dims4, (dims) => {
        const moved = transposed({ dims, data: counted(dims) }, toChannelsFirst).data;
        expect(sameOrder(dims)).toBe(moved.every((value, index) => value === index));
      }),
    );
  });

  it("takes fewer dimensions too", () => {
    expect(transposed({ dims: [2, 3], data: counted([2, 3]) }, [1, 0])).toEqual({
      dims: [3, 2],
      data: Float32Array.of(0, 3, 1, 4, 2, 5),
    });
  });
});

it("axes: those of images change, those of other ranks do not, and invalid ones stay undefined", () => {
  expect([0, 1, 2, 3, -1].map((axis) => convertedAxis(axis, 4))).toEqual([0, 2, 3, 1, 1]);
  expect([0, 1, -1].map((axis) => convertedAxis(axis, 2))).toEqual([0, 1, 1]);
  expect([convertedAxis(4, 4), convertedAxis(-3, 2)]).toEqual([undefined, undefined]);
});
