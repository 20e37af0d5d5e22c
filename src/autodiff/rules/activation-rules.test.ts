import fc from "fast-check";
import { describe, test } from "vitest";
import { createRandom } from "../../base/random.ts";
import { type AttributeLike, float, float32Tensor, node, type Tensor } from "../../onnx/model.ts";
import { apart, between, expectGradient, normal, type Variable } from "../testing.ts";

const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
const seeds = fc.integer({ min: 1, max: 1e6 });

/** An operator of one tensor: its name, attributes, the range that is tested, and the type that ONNX Runtime supports. */
interface Unary {
  readonly op: string;
  readonly domain?: string;
  readonly attributes?: Readonly<Record<string, AttributeLike>>;
  readonly at?: (random: ReturnType<typeof createRandom>, dims: readonly number[]) => Variable;
  readonly type?: "float32" | "float64";
}

const positive: Unary["at"] = (random, dims) => between(random, dims, 0.5, 3);

const unary: readonly Unary[] = [
  { op: "Identity", type: "float64" },
  { op: "Neg", type: "float64" },
  { op: "Abs", at: apart, type: "float64" },
  { op: "Exp", type: "float64" },
  { op: "Log", at: positive, type: "float64" },
  { op: "Sqrt", at: positive, type: "float64" },
  { op: "Reciprocal", at: positive, type: "float64" },
  { op: "Sin", type: "float64" },
  { op: "Cos" },
  { op: "Erf" },
  { op: "Relu", at: apart, type: "float64" },
  { op: "LeakyRelu", at: apart, attributes: { alpha: float(0.2) } },
  { op: "Elu", at: apart, attributes: { alpha: float(0.7) } },
  { op: "Selu", at: apart },
  { op: "Celu", at: apart, attributes: { alpha: float(1.5) } },
  { op: "ThresholdedRelu", at: apart, attributes: { alpha: float(0.5) } },
  { op: "Sigmoid" },
  { op: "HardSigmoid", at: apart, attributes: { alpha: float(0.25), beta: float(0.5) } },
  { op: "HardSwish", at: apart },
  { op: "Mish" },
  { op: "Tanh", type: "float64" },
  { op: "Softplus" },
  { op: "Softsign", at: apart },
  { op: "Gelu", domain: "com.microsoft" },
  { op: "QuickGelu", domain: "com.microsoft", attributes: { alpha: float(1.2) } },
];

describe("functions by element", () => {
  test.each<Unary>(unary)("$op", async ({ op, domain = "", attributes = {}, at = normal, type = "float32" }) => {
    await fc.assert(
      fc.asyncProperty(shapes, seeds, async (dims, seed) => {
        const random = createRandom(seed);
        const nodes = [{ ...node(op, ["x"], ["y"], attributes), domain }];
        await expectGradient({ nodes, variables: { x: at(random, dims) }, type }, random);
      }),
      { numRuns: 3 },
    );
  });

  test.each([
    ["both bounds", ["low", "high"]],
    ["a zero lower bound", ["zero", "high"]],
    ["a lower bound", ["low"]],
    ["an upper bound", ["", "high"]],
    ["no bound", []],
  ])("Clip with %s", async (_, bounds) => {
    const random = createRandom(3);
    const nodes = [node("Clip", ["x", ...bounds], ["y"])];
    const constants = bound(bounds, { low: -1, high: 1.5, zero: 0 });
    await expectGradient({ nodes, variables: { x: apart(random, [3, 5]) }, constants }, random);
  });

  test.each(["none", "tanh"])("Gelu of operator set 20, approximated by %s", async (approximate) => {
    const random = createRandom(4);
    const nodes = [node("Gelu", ["x"], ["y"], { approximate })];
    await expectGradient({ nodes, variables: { x: normal(random, [4, 6], 2) }, opset: 20 }, random);
  });

  test.each([-1, 0, 1])("Softmax and LogSoftmax along axis %i", async (axis) => {
    const random = createRandom(5);
    for (const op of ["Softmax", "LogSoftmax"]) {
      const nodes = [node(op, ["x"], ["y"], { axis })];
      await expectGradient({ nodes, variables: { x: normal(random, [3, 4, 2]) }, type: "float64" }, random);
    }
  });

  test("PRelu, towards data and slope", async () => {
    const random = createRandom(6);
    for (const slope of [[3, 1, 1], [1], [2, 3, 2, 2]]) {
      const variables = { x: apart(random, [2, 3, 2, 2]), slope: normal(random, slope) };
      await expectGradient({ nodes: [node("PRelu", ["x", "slope"], ["y"])], variables }, random);
    }
  });

  test("Cast there and back", async () => {
    const random = createRandom(7);
    const nodes = [
      node("Cast", ["x"], ["wide"], { to: 11 }),
      node("Exp", ["wide"], ["e"]),
      node("Cast", ["e"], ["y"], { to: 1 }),
    ];
    await expectGradient({ nodes, variables: { x: normal(random, [5]) } }, random);
  });
});

function bound(names: readonly string[], values: Readonly<Record<string, number>>): Record<string, Tensor> {
  return Object.fromEntries(
    names.filter((name) => name !== "").map((name) => [name, float32Tensor([], [values[name]!])]),
  );
}
