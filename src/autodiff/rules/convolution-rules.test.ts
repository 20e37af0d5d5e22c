import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../base/random.ts";
import { type AttributeLike, node } from "../../onnx/model.ts";
import { type Check, expectGradient, normal } from "../testing.ts";

/** A convolution over 1 or 2 axes, drawn so that its output is not empty. */
interface Drawn {
  readonly batch: number;
  readonly group: number;
  readonly inPerGroup: number;
  readonly outPerGroup: number;
  readonly axes: readonly Axis[];
  readonly bias: boolean;
}

interface Axis {
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
  /** Pixels beyond what one window needs. */
  readonly extra: number;
}

const axis: fc.Arbitrary<Axis> = fc.record({
  kernel: fc.integer({ min: 1, max: 3 }),
  stride: fc.integer({ min: 1, max: 3 }),
  dilation: fc.integer({ min: 1, max: 2 }),
  before: fc.nat(2),
  after: fc.nat(2),
  extra: fc.nat(4),
});

const drawn = (shape: "dense" | "grouped" | "depthwise"): fc.Arbitrary<Drawn> =>
  fc.record({
    batch: fc.integer({ min: 1, max: 2 }),
    group: shape === "dense" ? fc.constant(1) : fc.integer({ min: 2, max: 3 }),
    inPerGroup: {
      dense: fc.constantFrom(1, 3, 16),
      grouped: fc.integer({ min: 2, max: 3 }),
      depthwise: fc.constant(1),
    }[shape],
    outPerGroup: fc.integer({ min: 1, max: 3 }),
    axes: fc.array(axis, { minLength: 1, maxLength: 2 }),
    bias: fc.boolean(),
  });

const extent = ({ kernel, dilation }: Axis): number => (kernel - 1) * dilation + 1;

const windowAttributes = ({ axes, group }: Drawn): Record<string, AttributeLike> => ({
  strides: axes.map(({ stride }) => stride),
  dilations: axes.map(({ dilation }) => dilation),
  pads: [...axes.map(({ before }) => before), ...axes.map(({ after }) => after)],
  group,
});

function conv(of: Drawn, seed: number): Check {
  const random = createRandom(seed);
  const channels = of.group * of.inPerGroup;
  const size = (a: Axis): number => Math.max(1, extent(a) - a.before - a.after) + a.extra;
  const x = normal(random, [of.batch, channels, ...of.axes.map(size)]);
  const w = normal(random, [of.group * of.outPerGroup, of.inPerGroup, ...of.axes.map(({ kernel }) => kernel)]);
  const b = normal(random, [of.group * of.outPerGroup]);
  return {
    nodes: [node("Conv", of.bias ? ["x", "w", "b"] : ["x", "w"], ["y"], windowAttributes(of))],
    variables: of.bias ? { x, w, b } : { x, w },
  };
}

function convTranspose(of: Drawn, seed: number): Check {
  const random = createRandom(seed);
  const axes = of.axes.map((a) => ({ ...a, before: Math.min(a.before, extent(a) - 1), after: 0 }));
  const x = normal(random, [of.batch, of.group * of.inPerGroup, ...axes.map(({ extra }) => 1 + extra)]);
  const w = normal(random, [of.group * of.inPerGroup, of.outPerGroup, ...axes.map(({ kernel }) => kernel)]);
  const b = normal(random, [of.group * of.outPerGroup]);
  const output_padding = axes.map(({ stride, extra }) => Math.min(extra, stride - 1));
  const attributes = { ...windowAttributes({ ...of, axes }), output_padding };
  return { nodes: [node("ConvTranspose", ["x", "w", "b"], ["y"], attributes)], variables: { x, w, b } };
}

const seeds = fc.integer({ min: 1, max: 1e6 });

describe("Conv", () => {
  test.each(["dense", "grouped", "depthwise"] as const)("%s, over one axis or two, with any window", async (shape) => {
    await fc.assert(
      fc.asyncProperty(drawn(shape), seeds, (of, seed) => expectGradient(conv(of, seed))),
      { numRuns: 25 },
    );
  });

  test("over three axes", async () => {
    const one = { kernel: 2, stride: 1, dilation: 1, before: 0, after: 1, extra: 1 };
    const of = {
      batch: 2,
      group: 1,
      inPerGroup: 2,
      outPerGroup: 2,
      axes: [one, { ...one, stride: 2 }, one],
      bias: true,
    };
    await expectGradient(conv(of, 5));
  });

  test.each(["SAME_UPPER", "SAME_LOWER", "VALID"])("padded by %s", async (auto_pad) => {
    const random = createRandom(6);
    const variables = { x: normal(random, [2, 3, 6, 5]), w: normal(random, [4, 3, 3, 2]) };
    const attributes = { auto_pad, strides: [2, 1] };
    await expectGradient({ nodes: [node("Conv", ["x", "w"], ["y"], attributes)], variables });
  });
});

describe("ConvTranspose", () => {
  test.each(["dense", "grouped", "depthwise"] as const)("%s, over one axis or two, with any window", async (shape) => {
    await fc.assert(
      fc.asyncProperty(drawn(shape), seeds, (of, seed) => expectGradient(convTranspose(of, seed))),
      { numRuns: 12 },
    );
  });

  test("with a given output shape is refused by name", async () => {
    const random = createRandom(7);
    const variables = { x: normal(random, [1, 2, 3, 3]), w: normal(random, [2, 2, 3, 3]) };
    const nodes = [node("ConvTranspose", ["x", "w"], ["y"], { output_shape: [5, 5] })];
    await expect(expectGradient({ nodes, variables })).rejects.toThrow('Node "y" (ConvTranspose) with output_shape');
  });
});
