import fc from "fast-check";
import { describe, test } from "vitest";
import { createRandom } from "../../base/random.ts";
import { node } from "../../onnx/model.ts";
import { apart, expectGradient, normal } from "../testing.ts";

const pooling: fc.Arbitrary<Pooling> = fc.record({
  kernel: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
  strides: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
  pads: fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2)),
  size: fc.tuple(fc.integer({ min: 3, max: 6 }), fc.integer({ min: 3, max: 6 })),
  ceil_mode: fc.nat(1),
  count_include_pad: fc.nat(1),
});
interface Pooling {
  readonly kernel: readonly [number, number];
  readonly strides: readonly [number, number];
  /** Before both axes, then after both. */
  readonly pads: readonly number[];
  readonly size: readonly [number, number];
  readonly ceil_mode: number;
  readonly count_include_pad: number;
}

const seeds = fc.integer({ min: 1, max: 1e6 });

/** Padding must be smaller than the kernel. */
const within = (kernel: readonly number[], pads: readonly number[]): number[] =>
  pads.map((amount, i) => Math.min(amount, kernel[i % 2]! - 1));

/** Whether every window covers a pixel: shape inference and ONNX Runtime disagree whether other windows exist. */
const allSee = ({ kernel, strides, pads, size, ceil_mode }: Pooling): boolean =>
  size.every((pixels, axis) => {
    const [before, after] = [within(kernel, pads)[axis]!, within(kernel, pads)[axis + 2]!];
    const steps = (pixels + before + after - kernel[axis]!) / strides[axis]!;
    return (ceil_mode ? Math.ceil(steps) : Math.floor(steps)) * strides[axis]! - before < pixels;
  });

describe("pooling", () => {
  test.each(["AveragePool", "MaxPool"])("%s with any window", async (op) => {
    await fc.assert(
      fc.asyncProperty(
        pooling.filter(allSee),
        seeds,
        async ({ kernel, strides, pads, size, ceil_mode, count_include_pad }, seed) => {
          const random = createRandom(seed);
          const attributes = {
            kernel_shape: kernel,
            strides,
            pads: within(kernel, pads),
            ceil_mode,
            ...(op === "AveragePool" ? { count_include_pad } : {}),
          };
          const x = (op === "AveragePool" ? normal : apart)(random, [2, 2, ...size]);
          await expectGradient({ nodes: [node(op, ["x"], ["y"], attributes)], variables: { x } }, random);
        },
      ),
      { numRuns: 25 },
    );
  });

  test.each(["SAME_UPPER", "SAME_LOWER", "VALID"])("padded by %s", async (auto_pad) => {
    const random = createRandom(6);
    for (const [op, more] of [
      ["AveragePool", { count_include_pad: 1 }],
      ["AveragePool", {}],
      ["MaxPool", {}],
    ] as const) {
      const nodes = [node(op, ["x"], ["y"], { auto_pad, kernel_shape: [3, 2], strides: [2, 2], ...more })];
      await expectGradient({ nodes, variables: { x: apart(random, [1, 2, 6, 5]) } }, random);
    }
  });

  test("with dilation, and over one axis", async () => {
    const random = createRandom(7);
    const dilated = node("MaxPool", ["x"], ["y"], { kernel_shape: [2, 3], dilations: [2, 1], strides: [1, 2] });
    await expectGradient({ nodes: [dilated], variables: { x: apart(random, [1, 2, 5, 6]) } }, random);
    for (const op of ["MaxPool", "AveragePool"]) {
      const nodes = [node(op, ["x"], ["y"], { kernel_shape: [3], strides: [2], pads: [1, 1] })];
      await expectGradient({ nodes, variables: { x: apart(random, [2, 3, 8]) } }, random);
    }
  });

  test.each(["GlobalAveragePool", "GlobalMaxPool"])("%s", async (op) => {
    const random = createRandom(8);
    await expectGradient({ nodes: [node(op, ["x"], ["y"])], variables: { x: apart(random, [2, 3, 2, 4]) } }, random);
  });
});
