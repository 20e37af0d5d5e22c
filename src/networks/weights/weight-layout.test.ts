import fc from "fast-check";
import { expect, test } from "vitest";
import { asFloat32, elementCount, float32Tensor } from "../../onnx/model.ts";
import {
  dense,
  flattenedHwio,
  fromLayout,
  hwcm,
  hwio,
  io,
  type Layout,
  perChannel,
  pointwise,
  same,
  storedDims,
} from "./weight-layout.ts";

const counted = (dims: readonly number[]) =>
  float32Tensor(
    dims,
    Array.from({ length: elementCount(dims) }, (_, i) => i),
  );

test("shapes in files", () => {
  expect(storedDims(same, [8, 4, 3, 5])).toEqual([8, 4, 3, 5]);
  expect(storedDims(hwio, [8, 4, 3, 5])).toEqual([3, 5, 4, 8]);
  expect(storedDims(hwcm, [8, 1, 3, 5])).toEqual([3, 5, 8, 1]);
  expect(storedDims(io, [10, 4])).toEqual([4, 10]);
  expect(storedDims(dense, [4096, 512, 7, 7])).toEqual([4096, 25088]);
  expect(storedDims(dense, [4096])).toEqual([4096]);
  expect(storedDims(flattenedHwio, [4096, 512, 7, 7])).toEqual([25088, 4096]);
  expect(storedDims(perChannel, [96])).toEqual([96, 1, 1]);
  expect(storedDims(pointwise, [10, 4])).toEqual([1, 1, 4, 10]);
});

test("a convolution of Keras, element by element", () => {
  const [height, width, input, output] = [2, 3, 4, 37];
  const ours = asFloat32(fromLayout(hwio, counted([height, width, input, output]), [output, input, height, width]));
  for (let o = 0; o < output; o++)
    for (let i = 0; i < input; i++)
      for (let y = 0; y < height; y++)
        for (let x = 0; x < width; x++)
          expect(ours[((o * input + i) * height + y) * width + x]).toBe(((y * width + x) * input + i) * output + o);
});

test("a dense layer after a map: Keras flattens channels last", () => {
  const stored = counted([2 * 2 * 3, 5]);
  const ours = asFloat32(fromLayout(flattenedHwio, stored, [5, 3, 2, 2]));
  // Output 4, channel 1, row 0, column 1.
  expect(ours[((4 * 3 + 1) * 2 + 0) * 2 + 1]).toBe(((0 * 2 + 1) * 3 + 1) * 5 + 4);
});

test("nothing is copied if the order is the same", () => {
  const stored = counted([4, 12]);
  expect(fromLayout(dense, stored, [4, 3, 2, 2]).bytes).toBe(stored.bytes);
});

test("any order of axes, against the definition of a transposition", () => {
  const shapes = fc.integer({ min: 1, max: 4 }).chain((rank) =>
    fc.record({
      dims: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: rank, maxLength: rank }),
      order: fc.shuffledSubarray([...Array(rank).keys()], { minLength: rank, maxLength: rank }),
    }),
  );
  fc.assert(
    fc.property(shapes, ({ dims, order }) => {
      const layout: Layout = { order };
      const view = storedDims(layout, dims);
      const ours = asFloat32(fromLayout(layout, counted(view), dims));
      for (let index = 0; index < ours.length; index++) {
        // The position of the element, in Graft's layout and then in the file's.
        const place = dims.map((size, axis) => Math.floor(index / elementCount(dims.slice(axis + 1))) % size);
        const theirs = view.map((_, axis) => place[order.indexOf(axis)]!);
        expect(ours[index]).toBe(theirs.reduce((sum, at, axis) => sum * view[axis]! + at, 0));
      }
    }),
    { numRuns: 100 },
  );
});
