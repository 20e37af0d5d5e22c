/**
 * Every rule against finite differences on random shapes: the rules that no other test covers, and a check that no rule is left out.
 * Edge cases are in the tests beside this one.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRandom, type Random } from "../../base/random.ts";
import {
  type AttributeLike,
  elementCount,
  float,
  float32Tensor,
  int64Tensor,
  node,
  rawTensor,
  type Tensor,
} from "../../onnx/model.ts";
import { subjects } from "../gradients.ts";
import { broadcast, normalAxis, product, range, withSize } from "../graph-operations.ts";
import { apart, between, broadcasting, type Check, expectGradient, normal, type Variable } from "../testing.ts";

type Fill = (random: Random, dims: readonly number[]) => Variable;
type Drawn = fc.Arbitrary<{ readonly check: Check; readonly random: Random }>;

/** Checks from fast-check's values, with a generator for values and indices, which it could not shrink. */
const drawn = <T>(of: fc.Arbitrary<T>, check: (of: T, random: Random) => Check): Drawn =>
  fc.tuple(of, fc.integer({ min: 1, max: 1e6 })).map(([one, seed]) => {
    const random = createRandom(seed);
    return { check: check(one, random), random };
  });

const size = fc.integer({ min: 1, max: 4 });
const shape = (least: number, most: number): fc.Arbitrary<number[]> =>
  fc.array(size, { minLength: least, maxLength: most });
/** A shape and one of its axes, counted from the front or the back. */
const shapeAndAxis = fc
  .tuple(shape(1, 4), fc.nat(3), fc.boolean())
  .map(([dims, at, back]) => ({ dims, axis: (at % dims.length) - (back ? dims.length : 0) }));
/** A shape and some of its axes. */
const shapeAndAxes = fc
  .tuple(shape(1, 4), fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }))
  .map(([dims, chosen]) => ({ dims, axes: range(dims.length).filter((axis) => chosen[axis]) }));

const positive: Fill = (random, dims) => between(random, dims, 0.5, 2);
const ints = (values: readonly number[]): Tensor => int64Tensor([values.length], values);
/** Whole numbers from `low` to below `high`. */
const whole = (random: Random, count: number, low: number, high: number): number[] =>
  range(count).map(() => low + Math.floor(random.next() * (high - low)));

/** A check of one node that reads `x` and constants. */
const ofOne = (
  op: string,
  x: Variable,
  constants: readonly Tensor[] = [],
  attributes: Readonly<Record<string, AttributeLike>> = {},
): Check => {
  const names = constants.map((_, index) => `constant${index}`);
  return {
    nodes: [node(op, ["x", ...names], ["y"], attributes)],
    variables: { x },
    constants: Object.fromEntries(constants.map((tensor, index) => [names[index]!, tensor])),
  };
};

const alongAxis = (op: string, fill: Fill = normal): Drawn =>
  drawn(shapeAndAxis, ({ dims, axis }, random) => ofOne(op, fill(random, dims), [], { axis }));

const reduced = (op: string, fill: Fill = normal): Drawn =>
  drawn(fc.record({ of: shapeAndAxes, keepdims: fc.nat(1) }), ({ of: { dims, axes }, keepdims }, random) =>
    ofOne(op, fill(random, dims), axes.length > 0 ? [ints(axes)] : [], { keepdims }),
  );

/** Two tensors that broadcast to each other, no two of their values alike. */
const ofTwo = (op: string): Drawn =>
  drawn(broadcasting, ([a, b], random) => {
    const { values } = apart(random, [elementCount(a) + elementCount(b)]);
    const variables = {
      a: { dims: a, values: values.slice(0, elementCount(a)) },
      b: { dims: b, values: values.slice(elementCount(a)) },
    };
    return { nodes: [node(op, ["a", "b"], ["y"])], variables };
  });

/** Large, so that values that happen to be equal cause no steep slope. */
const epsilon = float(0.3);

/** A normalisation of [N, C, ...] with a scale and a shift of shape `parameters`. */
const normalised = (
  op: string,
  of: fc.Arbitrary<{
    dims: readonly number[];
    parameters: readonly number[];
    attributes?: Readonly<Record<string, AttributeLike>>;
  }>,
  more: Partial<Check> = {},
): Drawn =>
  drawn(of, ({ dims, parameters, attributes = {} }, random) => ({
    nodes: [node(op, ["x", "s", "b", ...Object.keys(more.constants ?? {})], ["y"], { epsilon, ...attributes })],
    variables: { x: normal(random, dims), s: normal(random, parameters), b: normal(random, parameters) },
    ...more,
  }));

const images = fc.tuple(shape(2, 2), shape(1, 2)).map(([ends, sizes]) => [...ends, ...sizes]);
const perChannel = images.map((dims) => ({ dims, parameters: [dims[1]!] }));

const batchNorm = (trained: boolean): Drawn =>
  drawn(images, ([batch, channels, ...sizes], random) => ({
    nodes: [
      node("BatchNormalization", ["x", "s", "b", "m", "v"], trained ? ["y", "mean", "variance"] : ["y"], {
        epsilon,
        training_mode: trained ? 1 : 0,
      }),
    ],
    variables: {
      x: normal(random, [batch! + 1, channels!, ...sizes]),
      s: normal(random, [channels!]),
      b: normal(random, [channels!]),
    },
    constants: {
      m: float32Tensor([channels!], normal(random, [channels!]).values),
      v: float32Tensor([channels!], positive(random, [channels!]).values),
    },
  }));

/** Sizes of parts, and the axes around the one that is split. */
const parts = fc.record({ sizes: fc.array(size, { minLength: 1, maxLength: 3 }), around: shape(0, 2), at: fc.nat(2) });
const partDims = (around: readonly number[], at: number, part: number): number[] =>
  around.toSpliced(at % (around.length + 1), 0, part);

const blocks = fc.record({ dims: fc.tuple(size, size, size, size), block: fc.integer({ min: 1, max: 3 }) });

const drawnHere: Readonly<Record<string, readonly Drawn[]>> = {
  Gemm: [
    drawn(
      fc.record({ m: size, k: size, n: size, transA: fc.nat(1), transB: fc.nat(1), row: fc.boolean() }),
      ({ m, k, n, transA, transB, row }, random) => ({
        nodes: [node("Gemm", ["a", "b", "c"], ["y"], { transA, transB, alpha: float(0.7), beta: float(1.3) })],
        variables: {
          a: normal(random, transA ? [k, m] : [m, k]),
          b: normal(random, transB ? [n, k] : [k, n]),
          c: normal(random, row ? [n] : [m, 1]),
        },
      }),
    ),
  ],
  MatMul: [
    drawn(fc.record({ batch: broadcasting, m: size, k: size, n: size }), ({ batch: [a, b], m, k, n }, random) => ({
      nodes: [node("MatMul", ["a", "b"], ["y"])],
      variables: { a: normal(random, [...a, m, k]), b: normal(random, [...b, k, n]) },
    })),
  ],
  GlobalAveragePool: [drawn(images, (dims, random) => ofOne("GlobalAveragePool", normal(random, dims)))],
  GlobalMaxPool: [drawn(images, (dims, random) => ofOne("GlobalMaxPool", apart(random, dims)))],
  BatchNormalization: [batchNorm(false), batchNorm(true)],
  LayerNormalization: [
    normalised(
      "LayerNormalization",
      shapeAndAxis.map(({ dims, axis }) => ({
        dims,
        parameters: dims.slice(normalAxis(axis, dims.length)),
        attributes: { axis },
      })),
    ),
  ],
  InstanceNormalization: [normalised("InstanceNormalization", perChannel)],
  GroupNormalization: [
    normalised(
      "GroupNormalization",
      fc.record({ dims: images, groups: fc.integer({ min: 1, max: 3 }) }).map(({ dims, groups }) => {
        const channels = groups * dims[1]!;
        return { dims: withSize(dims, 1, channels), parameters: [channels], attributes: { num_groups: groups } };
      }),
      { opset: 21 },
    ),
  ],
  LpNormalization: [alongAxis("LpNormalization", positive)],
  PRelu: [
    drawn(broadcasting, ([x, slope], random) => {
      const dims = broadcast(x, slope);
      return {
        nodes: [node("PRelu", ["x", "slope"], ["y"])],
        variables: { x: apart(random, dims), slope: normal(random, slope) },
      };
    }),
  ],
  Clip: [
    drawn(shape(0, 4), (dims, random) =>
      ofOne("Clip", apart(random, dims), [float32Tensor([], [-1]), float32Tensor([], [1.5])]),
    ),
  ],
  Gelu: ["none", "tanh"].map((approximate) =>
    drawn(shape(1, 4), (dims, random) => ({ ...ofOne("Gelu", normal(random, dims), [], { approximate }), opset: 20 })),
  ),
  Softmax: [alongAxis("Softmax")],
  LogSoftmax: [alongAxis("LogSoftmax")],
  ...Object.fromEntries(["Sum", "Mean", "Max", "Min"].map((op) => [op, [ofTwo(op)]])),
  Where: [
    drawn(broadcasting, ([a, b], random) => {
      const dims = broadcast(a, b);
      const condition = rawTensor("bool", dims, Uint8Array.from(whole(random, elementCount(dims), 0, 2)));
      return {
        nodes: [node("Where", ["condition", "a", "b"], ["y"])],
        variables: { a: normal(random, a), b: normal(random, b) },
        constants: { condition },
      };
    }),
  ],
  Mod: [
    drawn(broadcasting, ([a, b], random) => {
      const divisor = float32Tensor(b, between(random, b, 0.9, 1).values);
      return ofOne("Mod", between(random, a, 0.1, 0.8), [divisor], { fmod: 1 });
    }),
  ],
  Cast: [
    drawn(shape(0, 4), (dims, random) => ({
      nodes: [node("Cast", ["x"], ["wide"], { to: 11 }), node("Cast", ["wide"], ["y"], { to: 1 })],
      variables: { x: normal(random, dims) },
    })),
  ],
  ReduceSum: [reduced("ReduceSum")],
  ReduceMean: [reduced("ReduceMean")],
  ReduceMax: [reduced("ReduceMax", apart)],
  ReduceMin: [reduced("ReduceMin", apart)],
  ReduceSumSquare: [reduced("ReduceSumSquare")],
  ReduceL1: [reduced("ReduceL1", apart)],
  ReduceL2: [reduced("ReduceL2", positive)],
  ReduceLogSum: [reduced("ReduceLogSum", positive)],
  ReduceLogSumExp: [reduced("ReduceLogSumExp")],
  Reshape: [
    drawn(shape(1, 4), (dims, random) => ofOne("Reshape", normal(random, dims), [ints([-1, ...dims.toReversed()])])),
  ],
  Flatten: [alongAxis("Flatten")],
  Squeeze: [
    drawn(shapeAndAxes, ({ dims, axes }, random) => {
      const ones = dims.map((length, axis) => (axes.includes(axis) ? 1 : length));
      return ofOne("Squeeze", normal(random, ones), axes.length > 0 ? [ints(axes)] : []);
    }),
  ],
  Unsqueeze: [drawn(shapeAndAxes, ({ dims, axes }, random) => ofOne("Unsqueeze", normal(random, dims), [ints(axes)]))],
  Transpose: [
    drawn(shape(1, 4), (dims, random) =>
      ofOne("Transpose", normal(random, dims), [], { perm: random.shuffle(range(dims.length)) }),
    ),
  ],
  Concat: [
    drawn(parts, ({ sizes, around, at }, random) => {
      const names = sizes.map((_, index) => `piece${index}`);
      const variables = sizes.map((part, index) => [names[index]!, normal(random, partDims(around, at, part))]);
      return {
        nodes: [node("Concat", names, ["y"], { axis: at % (around.length + 1) })],
        variables: Object.fromEntries(variables),
      };
    }),
  ],
  Split: [
    drawn(parts, ({ sizes, around, at }, random) => {
      const outputs = sizes.map((_, index) => `piece${index}`);
      const x = normal(
        random,
        partDims(
          around,
          at,
          sizes.reduce((a, b) => a + b),
        ),
      );
      return {
        nodes: [node("Split", ["x", "sizes"], outputs, { axis: at % (around.length + 1) })],
        variables: { x },
        constants: { sizes: ints(sizes) },
        outputs,
      };
    }),
  ],
  Expand: [drawn(broadcasting, ([x, target], random) => ofOne("Expand", normal(random, x), [ints(target)]))],
  Tile: [
    drawn(shape(1, 4), (dims, random) => ofOne("Tile", normal(random, dims), [ints(whole(random, dims.length, 1, 4))])),
  ],
  DepthToSpace: ["DCR", "CRD"].map((mode) =>
    drawn(blocks, ({ dims, block }, random) =>
      ofOne("DepthToSpace", normal(random, withSize(dims, 1, dims[1] * block ** 2)), [], { mode, blocksize: block }),
    ),
  ),
  SpaceToDepth: [
    drawn(blocks, ({ dims: [batch, channels, rows, columns], block }, random) =>
      ofOne("SpaceToDepth", normal(random, [batch, channels, rows * block, columns * block]), [], { blocksize: block }),
    ),
  ],
  Dropout: [drawn(shape(1, 4), (dims, random) => ofOne("Dropout", normal(random, dims), [float32Tensor([], [0.5])]))],
  Gather: [
    drawn(fc.record({ of: shapeAndAxis, picked: shape(0, 2) }), ({ of: { dims, axis }, picked }, random) => {
      const length = dims.at(axis)!;
      const indices = whole(random, product(picked), -length, length);
      return ofOne("Gather", normal(random, dims), [int64Tensor(picked, indices)], { axis });
    }),
  ],
  GatherElements: [
    drawn(fc.record({ of: shapeAndAxis, count: size }), ({ of: { dims, axis }, count }, random) => {
      const picked = withSize(dims, normalAxis(axis, dims.length), count);
      const indices = whole(random, product(picked), -dims.at(axis)!, dims.at(axis)!);
      return ofOne("GatherElements", normal(random, dims), [int64Tensor(picked, indices)], { axis });
    }),
  ],
  GatherND: [
    drawn(fc.record({ of: shapeAndAxis, count: size }), ({ of: { dims, axis }, count }, random) => {
      const depth = normalAxis(axis, dims.length) + 1;
      const indices = range(count).flatMap(() => dims.slice(0, depth).flatMap((length) => whole(random, 1, 0, length)));
      return ofOne("GatherND", normal(random, dims), [int64Tensor([count, depth], indices)]);
    }),
  ],
  Pad: [
    drawn(shape(1, 4), (dims, random) =>
      ofOne("Pad", normal(random, dims), [ints(whole(random, 2 * dims.length, 0, 3))]),
    ),
    drawn(shape(1, 4), (dims, random) => {
      const pads = [...dims, ...dims].map((length) => whole(random, 1, 0, length)[0]!);
      return ofOne("Pad", normal(random, dims), [ints(pads)], { mode: "reflect" });
    }),
    drawn(shape(1, 4), (dims, random) =>
      ofOne("Pad", normal(random, dims), [ints(whole(random, 2 * dims.length, 0, 3))], { mode: "edge" }),
    ),
  ],
  Resize: ["linear", "cubic", "nearest"].map((mode) =>
    drawn(fc.tuple(size, size, size, size, size, size), ([batch, channels, ...sides], random) => ({
      nodes: [node("Resize", ["x", "", "", "sizes"], ["y"], { mode })],
      variables: { x: normal(random, [batch, channels, sides[0], sides[1]]) },
      constants: { sizes: ints([batch, channels, sides[2], sides[3]]) },
    })),
  ),
};

/** By the test that covers them. */
const drawnElsewhere: Readonly<Record<string, readonly string[]>> = {
  "convolution-rules.test.ts": ["Conv", "ConvTranspose"],
  "reduction-rules.test.ts": ["AveragePool", "MaxPool"],
  "reshape-rules.test.ts": ["Slice"],
  "arithmetic-rules.test.ts": ["Add", "Sub", "Mul", "Div", "Pow"],
  "activation-rules.test.ts": [
    ...["Identity", "Neg", "Abs", "Exp", "Log", "Sqrt", "Reciprocal", "Sin", "Cos", "Erf", "Relu", "LeakyRelu", "Elu"],
    ...["Selu", "Celu", "ThresholdedRelu", "Sigmoid", "HardSigmoid", "HardSwish", "Mish", "Tanh", "Softplus"],
    ...["Softsign", "com.microsoft.Gelu", "com.microsoft.QuickGelu"],
  ],
};

describe("finite differences on random shapes", () => {
  test("cover every operator that has a rule", () => {
    const ruled = Object.values(subjects).flatMap((rules) => Object.entries(rules));
    const names = ruled.filter(([, { kind }]) => kind === "rule").map(([name]) => name);
    const covered = [...Object.keys(drawnHere), ...Object.values(drawnElsewhere).flat()];
    expect(covered.toSorted()).toEqual(names.toSorted());
  });

  test.each(Object.entries(drawnHere))("%s", async (_, ways) => {
    for (const way of ways) {
      await fc.assert(
        fc.asyncProperty(way, ({ check, random }) => expectGradient(check, random)),
        { numRuns: 8 },
      );
    }
  });
});
