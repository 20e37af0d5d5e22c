import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom, type Random } from "../../base/random.ts";
import { float, int64Tensor, node, rawTensor } from "../../onnx/model.ts";
import { apart, between, broadcasting, expectGradient, normal, type Variable } from "../testing.ts";

const seeds = fc.integer({ min: 1, max: 1e6 });

type Fill = (random: Random, dims: readonly number[]) => Variable;
const positive: Fill = (random, dims) => between(random, dims, 0.5, 2);

describe("arithmetic", () => {
  test.each<{ op: string; left?: Fill; right?: Fill }>([
    { op: "Add" },
    { op: "Sub" },
    { op: "Mul" },
    { op: "Div", right: positive },
    { op: "Pow", left: positive },
  ])("$op, broadcast", async ({ op, left = normal, right = normal }) => {
    await fc.assert(
      fc.asyncProperty(broadcasting, seeds, async ([a, b], seed) => {
        const random = createRandom(seed);
        const variables = { a: left(random, a), b: right(random, b) };
        await expectGradient({ nodes: [node(op, ["a", "b"], ["y"])], variables, type: "float64" }, random);
      }),
      { numRuns: 6 },
    );
  });

  test.each(["Sum", "Mean", "Max", "Min"])("%s of three, broadcast", async (op) => {
    const random = createRandom(2);
    const all = apart(random, [2 * 3 + 3 + 6]).values;
    const variables = {
      a: { dims: [2, 3], values: all.slice(0, 6) },
      b: { dims: [3], values: all.slice(6, 9) },
      c: { dims: [2, 3], values: all.slice(9) },
    };
    await expectGradient({ nodes: [node(op, ["a", "b", "c"], ["y"])], variables }, random);
  });

  test("equal inputs of Max share the gradient", async () => {
    const random = createRandom(2);
    const nodes = [node("Max", ["x", "x"], ["y"])];
    await expectGradient({ nodes, variables: { x: normal(random, [4]) } }, random);
  });

  test.each([-1, 0.5, 2, 3, 4, 1])("Pow with the constant exponent %d", async (exponent) => {
    const random = createRandom(8);
    const constants = { p: rawTensor("float64", [], new Uint8Array(Float64Array.of(exponent).buffer)) };
    const variables = { x: positive(random, [2, 3]) };
    await expectGradient({ nodes: [node("Pow", ["x", "p"], ["y"])], variables, constants, type: "float64" }, random);
  });

  test("Pow with an integer exponent takes negative bases", async () => {
    const random = createRandom(9);
    const constants = { p: int64Tensor([], [2]) };
    await expectGradient({ nodes: [node("Pow", ["x", "p"], ["y"])], variables: { x: normal(random, [5]) }, constants });
  });

  test("the same tensor twice, and a tensor read by many", async () => {
    const random = createRandom(10);
    const nodes = [
      node("Mul", ["x", "x"], ["xx"]),
      node("Add", ["xx", "x"], ["a"]),
      node("Sub", ["a", "xx"], ["b"]),
      node("Mul", ["b", "xx"], ["y"]),
    ];
    await expectGradient({ nodes, variables: { x: normal(random, [3, 2]) }, type: "float64" }, random);
  });

  test("Where, broadcast, towards either side", async () => {
    const random = createRandom(11);
    const constants = { c: rawTensor("bool", [3], Uint8Array.of(1, 0, 1)) };
    const variables = { a: normal(random, [2, 3]), b: normal(random, [2, 1]) };
    await expectGradient({ nodes: [node("Where", ["c", "a", "b"], ["y"])], variables, constants }, random);
  });

  test("Mod is refused where it is not a remainder of floats", async () => {
    const random = createRandom(12);
    const variables = { a: between(random, [4], 0.1, 0.8), b: between(random, [4], 0.9, 1) };
    await expectGradient({ nodes: [node("Mod", ["a", "b"], ["y"], { fmod: 1 })], variables, towards: ["a"] });
    await expect(
      expectGradient({ nodes: [node("Mod", ["a", "b"], ["y"], { fmod: 1 })], variables, towards: ["b"] }),
    ).rejects.toThrow('Node "y" (Mod) with a trainable input 1 has no gradient rule');
  });
});

describe("matrix products", () => {
  test("Gemm in every orientation", async () => {
    const random = createRandom(20);
    for (const transA of [0, 1])
      for (const transB of [0, 1])
        for (const c of [[4], [3, 4], [3, 1], []]) {
          const nodes = [node("Gemm", ["a", "b", "c"], ["y"], { transA, transB, alpha: float(0.7), beta: float(1.3) })];
          const variables = {
            a: normal(random, transA ? [2, 3] : [3, 2]),
            b: normal(random, transB ? [4, 2] : [2, 4]),
            c: normal(random, c),
          };
          await expectGradient({ nodes, variables, type: "float64", tolerance: 1e-6 }, random);
        }
  });

  test.each([
    [
      [2, 3],
      [3, 4],
    ],
    [
      [2, 5, 3],
      [3, 4],
    ],
    [
      [2, 5, 3],
      [2, 3, 4],
    ],
    [
      [2, 1, 5, 3],
      [4, 3, 2],
    ],
    [
      [5, 3],
      [2, 3, 2],
    ],
    [[3], [3, 4]],
    [[2, 3], [3]],
    [[2, 4, 3], [3]],
    [[3], [3]],
    [[3], [2, 3, 4]],
  ])("MatMul of %j and %j", async (a, b) => {
    const random = createRandom(21);
    const variables = { a: normal(random, a), b: normal(random, b) };
    await expectGradient({ nodes: [node("MatMul", ["a", "b"], ["y"])], variables, type: "float64" }, random);
  });
});

describe("reductions", () => {
  const operators = [
    { op: "ReduceSum" },
    { op: "ReduceMean" },
    { op: "ReduceMax", at: apart },
    { op: "ReduceMin", at: apart },
    { op: "ReduceSumSquare" },
    { op: "ReduceL1", at: apart },
    { op: "ReduceL2", at: positive },
    { op: "ReduceLogSum", at: positive },
    { op: "ReduceLogSumExp" },
  ];

  test.each<{ op: string; at?: Fill }>(operators)("$op over any axes", async ({ op, at = normal }) => {
    const random = createRandom(22);
    for (const [keepdims, axes] of [[0], [-1], [0, 2], [2, 1], []].entries()) {
      const inputs = axes.length === 0 ? ["x"] : ["x", "axes"];
      const constants = axes.length === 0 ? {} : { axes: int64Tensor([axes.length], axes) };
      const nodes = [node(op, inputs, ["y"], { keepdims: keepdims % 2 })];
      await expectGradient({ nodes, variables: { x: at(random, [2, 3, 4]) }, constants }, random);
    }
  });

  test("axes that are computed from constants, and an empty list that means no axis", async () => {
    const random = createRandom(23);
    const constants = { one: int64Tensor([1], [1]), none: int64Tensor([0], []) };
    const nodes = [
      node("Add", ["one", "one"], ["two"]),
      node("ReduceSum", ["x", "two"], ["s"]),
      node("ReduceSum", ["s", "none"], ["y"], { noop_with_empty_axes: 1 }),
    ];
    await expectGradient({ nodes, variables: { x: normal(random, [2, 3, 4]) }, constants }, random);
  });

  test("the norm of zeros has no slope", async () => {
    const variables = { x: { dims: [2, 2], values: [0, 0, 0, 0] } };
    await expectGradient({ nodes: [node("ReduceL2", ["x"], ["y"])], variables });
  });
});
