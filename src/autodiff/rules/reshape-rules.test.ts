import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom } from "../../base/random.ts";
import {
  type AttributeLike,
  float,
  float32Tensor,
  int64Tensor,
  type Node,
  node,
  type Tensor,
} from "../../onnx/model.ts";
import { expectGradient, normal } from "../testing.ts";

const ints = (...values: number[]): Tensor => int64Tensor([values.length], values);

/** An operator of one tensor `x`, with constants as its further inputs. */
interface Moved {
  readonly op: string;
  readonly dims: readonly number[];
  readonly inputs?: readonly Tensor[];
  readonly attributes?: Readonly<Record<string, AttributeLike>>;
}

const moved: readonly Moved[] = [
  { op: "Reshape", dims: [2, 3, 4], inputs: [ints(0, -1)] },
  { op: "Flatten", dims: [2, 3, 4], attributes: { axis: 2 } },
  { op: "Squeeze", dims: [2, 1, 3, 1], inputs: [ints(1)] },
  { op: "Unsqueeze", dims: [2, 3], inputs: [ints(0, -1)] },
  { op: "Transpose", dims: [2, 3, 4], attributes: { perm: [1, 2, 0] } },
  { op: "Transpose", dims: [2, 3, 4] },
  { op: "Expand", dims: [3, 1], inputs: [ints(2, 3, 4)] },
  { op: "Expand", dims: [2, 3], inputs: [ints(1)] },
  { op: "Tile", dims: [2, 3], inputs: [ints(3, 2)] },
  { op: "DepthToSpace", dims: [2, 12, 2, 3], attributes: { blocksize: 2 } },
  { op: "DepthToSpace", dims: [2, 12, 2, 3], attributes: { blocksize: 2, mode: "CRD" } },
  { op: "SpaceToDepth", dims: [2, 3, 4, 6], attributes: { blocksize: 2 } },
  { op: "Gather", dims: [3, 5, 2], inputs: [int64Tensor([], [-2])], attributes: { axis: 1 } },
  { op: "Gather", dims: [3, 5, 2], inputs: [ints(1, 3)], attributes: { axis: 1 } },
  { op: "Gather", dims: [3, 5, 2], inputs: [ints(4, 2, 0)], attributes: { axis: 1 } },
  { op: "Gather", dims: [3, 5, 2], inputs: [int64Tensor([2, 2], [4, 1, -1, 0])], attributes: { axis: 1 } },
  { op: "Gather", dims: [4, 3], inputs: [ints(2, 2, 2)] },
  {
    op: "GatherElements",
    dims: [3, 4],
    inputs: [int64Tensor([2, 4], [0, 1, -1, 2, 0, 1, 1, 0])],
    attributes: { axis: 0 },
  },
  { op: "GatherND", dims: [3, 4, 2], inputs: [int64Tensor([3, 2], [0, 1, 2, 3, 0, 1])] },
  { op: "Pad", dims: [2, 3], inputs: [ints(1, 0, 2, 3)] },
  { op: "Pad", dims: [2, 3], inputs: [ints(-1, 1, 0, -1)] },
  { op: "Pad", dims: [4, 5], inputs: [ints(2, 3, 1, 2)], attributes: { mode: "reflect" } },
  { op: "Pad", dims: [4, 3, 2], inputs: [ints(2, 0, 0, 1, 1, 0)], attributes: { mode: "edge" } },
  { op: "Slice", dims: [6, 5], inputs: [ints(1), ints(-1), ints(-1)] },
  { op: "Slice", dims: [6, 5], inputs: [ints(-1, 4), ints(-100, 0), ints(0, 1), ints(-2, -1)] },
  { op: "Slice", dims: [7, 5], inputs: [ints(-100, 1), ints(100, 100), ints(0, 1), ints(3, 2)] },
  { op: "Dropout", dims: [2, 3], inputs: [float32Tensor([], [0.5])] },
];

async function expectMoved({ op, dims, inputs = [], attributes = {} }: Moved, seed = 1): Promise<void> {
  const random = createRandom(seed);
  const names = inputs.map((_, index) => `constant${index}`);
  await expectGradient(
    {
      nodes: [node(op, ["x", ...names], ["y"], attributes)],
      variables: { x: normal(random, dims) },
      constants: Object.fromEntries(inputs.map((tensor, index) => [names[index]!, tensor])),
    },
    random,
  );
}

describe("shapes and parts", () => {
  test.each(moved)("$op of $dims $attributes", (of) => expectMoved(of));

  test("Slice with any bounds", async () => {
    const bounds = fc.record({
      start: fc.integer({ min: -8, max: 7 }),
      end: fc.integer({ min: -8, max: 8 }),
      step: fc.constantFrom(-3, -1, 1, 2),
    });
    const size = 6;
    const kept = ({ start, end, step }: { start: number; end: number; step: number }): boolean => {
      const places = Array.from({ length: size }, (_, i) => i);
      const at = (bound: number): number => (bound < 0 ? bound + size : bound);
      return step > 0
        ? places.some((i) => i >= at(start) && i < at(end))
        : places.some((i) => i <= at(start) && i > at(end));
    };
    await fc.assert(
      fc.asyncProperty(bounds.filter(kept), fc.integer({ min: 1, max: 1e6 }), ({ start, end, step }, seed) =>
        expectMoved({ op: "Slice", dims: [2, size, 2], inputs: [ints(start), ints(end), ints(1), ints(step)] }, seed),
      ),
      { numRuns: 15 },
    );
  });

  test("Concat of tensors, some of them twice", async () => {
    const random = createRandom(2);
    const variables = { a: normal(random, [2, 1, 3]), b: normal(random, [2, 4, 3]) };
    await expectGradient({ nodes: [node("Concat", ["a", "b", "a"], ["y"], { axis: -2 })], variables });
  });

  test("Split, with a part that nothing reads", async () => {
    const random = createRandom(3);
    const constants = { sizes: ints(1, 2, 3) };
    const nodes = [node("Split", ["x", "sizes"], ["p", "unread", "q"], { axis: 1 }), node("Identity", ["q"], ["z"])];
    await expectGradient({ nodes, variables: { x: normal(random, [2, 6]) }, constants, outputs: ["p", "z"] });
  });

  test("a slice by bounds computed from shapes, as PyTorch's exporter writes it", async () => {
    const constants = { axis: ints(1), zero: ints(0), one: ints(1), two: ints(2), index: int64Tensor([], [1]) };
    const half: Node[] = [
      node("Shape", ["x"], ["shape"]),
      node("Gather", ["shape", "index"], ["channels"]),
      node("Unsqueeze", ["channels", "zero"], ["list"]),
      node("Div", ["list", "two"], ["half"]),
      node("Concat", ["half"], ["end"], { axis: 0 }),
      node("Slice", ["x", "zero", "end", "axis", "one"], ["left"]),
      node("Mul", ["left", "left"], ["y"]),
    ];
    await expectGradient({ nodes: half, variables: { x: normal(createRandom(4), [2, 6]) }, constants });
  });

  test("bounds that are known only when the graph runs are refused by name", async () => {
    const nodes = [
      node("ArgMax", ["x"], ["at"], { axis: 0, keepdims: 1 }),
      node("Add", ["at", "one"], ["end"]),
      node("Slice", ["x", "at", "end"], ["y"]),
    ];
    const variables = { x: { dims: [1], values: [1] } };
    await expect(expectGradient({ nodes, variables, constants: { one: ints(1) } })).rejects.toThrow(
      'Node "y" (Slice) computes "at" as it runs',
    );
  });
});

describe("Resize", () => {
  const forms = [
    { mode: "linear", coordinate_transformation_mode: "half_pixel" },
    { mode: "linear", coordinate_transformation_mode: "pytorch_half_pixel" },
    { mode: "linear", coordinate_transformation_mode: "align_corners" },
    { mode: "linear", coordinate_transformation_mode: "asymmetric" },
    { mode: "cubic", coordinate_transformation_mode: "half_pixel", cubic_coeff_a: float(-0.5) },
    { mode: "nearest", coordinate_transformation_mode: "asymmetric", nearest_mode: "floor" },
    { mode: "nearest", coordinate_transformation_mode: "half_pixel", nearest_mode: "round_prefer_floor" },
    { mode: "linear", coordinate_transformation_mode: "half_pixel", antialias: 1 },
    { mode: "cubic", coordinate_transformation_mode: "half_pixel", antialias: 1 },
  ];
  test.each(forms)("$mode, $coordinate_transformation_mode $antialias", async (attributes) => {
    const random = createRandom(5);
    for (const [height, width] of [
      [7, 4],
      [2, 9],
      [1, 3],
    ] as const) {
      await expectGradient({
        nodes: [node("Resize", ["x", "", "", "sizes"], ["y"], attributes)],
        variables: { x: normal(random, [1, 2, 4, 5]) },
        constants: { sizes: ints(1, 2, height, width) },
      });
    }
  });

  test("by scales", async () => {
    await expectGradient({
      nodes: [node("Resize", ["x", "", "scales"], ["y"], { mode: "linear" })],
      variables: { x: normal(createRandom(6), [1, 2, 4, 5]) },
      constants: { scales: float32Tensor([4], [1, 1, 1.7, 0.6]) },
    });
  });
});
