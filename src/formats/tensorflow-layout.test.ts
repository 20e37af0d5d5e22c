import fc from "fast-check";
import { expect, it } from "vitest";
import { samePadding } from "./tensorflow-layout.ts";

it("puts the odd zero at the end, as TensorFlow does", () => {
  expect(samePadding({ size: 224, kernel: 3, stride: 2, dilation: 1 })).toEqual([0, 1]);
  expect(samePadding({ size: 299, kernel: 3, stride: 2, dilation: 1 })).toEqual([1, 1]);
  expect(samePadding({ size: 5, kernel: 3, stride: 1, dilation: 2 })).toEqual([2, 2]);
  expect(samePadding({ size: 8, kernel: 1, stride: 2, dilation: 1 })).toEqual([0, 0]);
});

it("returns padding for ceil(size / stride) windows, and no padding that contains a whole window", () => {
  const between = (min: number, max: number) => fc.integer({ min, max });
  fc.assert(
    fc.property(between(1, 300), between(1, 9), between(1, 4), between(1, 3), (size, kernel, stride, dilation) => {
      const [before, after] = samePadding({ size, kernel, stride, dilation });
      const reach = (kernel - 1) * dilation + 1;
      // Where strides jump over the end, a window less than the padded size is what ONNX counts.
      expect(Math.floor((size + before + after - reach) / stride) + 1).toBe(Math.ceil(size / stride));
      expect(Math.max(before, after)).toBeLessThan(reach);
    }),
  );
});
