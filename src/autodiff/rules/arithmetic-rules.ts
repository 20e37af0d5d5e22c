/** Gradients of arithmetic, of element-wise functions, and of matrix products. The caller sums over broadcast axes. */

import { by, type Rule, type RuleTable } from "../gradient-rule.ts";
import type { Ref } from "../graph-builder.ts";
import { broadcast, type Operations, product } from "../graph-operations.ts";

const add: Rule = (site) => [() => site.gradient(), () => site.gradient()];

const sub: Rule = (site) => [() => site.gradient(), () => site.build.neg(site.gradient())];

const mul: Rule = (site) => [
  () => site.build.mul(site.gradient(), site.input(1)),
  () => site.build.mul(site.gradient(), site.input(0)),
];

/** y = a / b; dy/db = −y / b. */
const div: Rule = (site) => {
  const { build } = site;
  const [numerator, denominator] = [site.input(0), site.input(1)];
  return [
    () => build.div(site.gradient(), denominator),
    // Computed from the inputs, so that ONNX Runtime need not keep y.
    () => build.neg(build.div(build.mul(site.gradient(), build.div(numerator, denominator)), denominator)),
  ];
};

/** y = xᵖ; dy/dx = p xᵖ⁻¹, dy/dp = y ln x where x > 0 (else 0, as in PyTorch). */
const pow: Rule = (site) => {
  const { build } = site;
  const [x, exponent] = [site.input(0), site.input(1)];
  const constant = site.constantFloats(1) ?? site.constantIntegers(1);
  const single = constant?.length === 1 ? constant[0] : undefined;
  const derivative = (): Ref => {
    if (single === undefined) {
      const p = build.cast(exponent, x.type);
      return build.mul(build.pow(x, build.sub(p, 1)), p);
    }
    if (single === 2) return build.mul(x, 2);
    if (single === 3) return build.mul(build.mul(x, x), 3);
    if (single === 0.5) return build.div(build.scalar(0.5, x), build.unary("Sqrt", x));
    return build.mul(build.pow(x, single - 1), single);
  };
  return [
    () => build.mul(site.gradient(), derivative()),
    () => {
      const usable = build.greater(x, 0);
      const logarithm = build.unary("Log", build.where(usable, x, 1));
      return build.mul(site.gradient(), build.mul(site.output(), logarithm));
    },
  ];
};

/** Sums and means: every input gets the gradient times the same weight. */
const weighted =
  (weight: (count: number) => number): Rule =>
  (site) =>
    site.inputs.map(() => () => site.build.mul(site.gradient(), weight(site.inputs.length)));

/** The gradient goes to the largest (or smallest) input; equal inputs share it, as in PyTorch. */
const extreme: Rule = (site) => {
  const { build } = site;
  const mask = (x: Ref): Ref => build.cast(build.equal(x, site.output()), x.type);
  const share = (): Ref => build.div(site.gradient(), build.total(site.inputs.map(mask)));
  return site.inputs.map((x) => () => build.mul(mask(x), share()));
};

const where: Rule = (site) => [
  undefined,
  () => site.build.where(site.input(0), site.gradient(), 0),
  () => zeroWhere(site.build, site.input(0), site.gradient()),
];

const zeroWhere = (build: Operations, condition: Ref, x: Ref): Ref =>
  build.emit("Where", [condition, build.scalar(0, x), x], x.dims, {}, x.type);

/** The remainder has slope 1 with respect to the dividend. */
const mod: Rule = (site) => {
  if (site.int("fmod", 0) !== 1) throw site.unsupported("fmod = 0");
  return [() => site.gradient()];
};

export const arithmetic: RuleTable = {
  Add: by(add),
  Sub: by(sub),
  Mul: by(mul),
  Div: by(div),
  Pow: by(pow),
  Sum: by(weighted(() => 1)),
  Mean: by(weighted((count) => 1 / count)),
  Max: by(extreme),
  Min: by(extreme),
  Where: by(where),
  Mod: by(mod, "towards the dividend, with `fmod`"),
};

// Element-wise functions of one tensor: powers, exponentials, trigonometry.

/** A function's derivative, from its input `x` and its output `y`; multiplied by the output's gradient. */
type Derivative = (build: Operations, x: Ref, y: Ref) => Ref;

const derivative = (of: Derivative) =>
  by((site) => [() => site.build.mul(site.gradient(), of(site.build, site.input(0), site.output()))]);

export const elementwise: RuleTable = {
  Identity: by((site) => [() => site.gradient()]),
  Neg: by((site) => [() => site.build.neg(site.gradient())]),
  Abs: derivative((build, x) => build.unary("Sign", x)),
  Exp: derivative((_, _x, y) => y),
  Log: by((site) => [() => site.build.div(site.gradient(), site.input(0))]),
  Sqrt: by((site) => [() => site.build.div(site.build.mul(site.gradient(), 0.5), site.output())]),
  Reciprocal: derivative((build, _, y) => build.neg(build.square(y))),
  Sin: derivative((build, x) => build.unary("Cos", x)),
  Cos: derivative((build, x) => build.neg(build.unary("Sin", x))),
  Erf: derivative((build, x) => build.mul(build.unary("Exp", build.neg(build.square(x))), 2 / Math.sqrt(Math.PI))),
  Cast: by((site) => [() => site.build.cast(site.gradient(), site.input(0).type)]),
};

// Matrix products. They use `Gemm` with transposition flags where possible, which copies nothing.

/** Y = α A′ B′ + β C. */
const gemm: Rule = (site) => {
  const { build } = site;
  const [a, b] = [site.input(0), site.input(1)];
  const [transA, transB] = [site.int("transA", 0) === 1, site.int("transB", 0) === 1];
  const scaled = (gradient: Ref): Ref => build.mul(gradient, site.float("alpha", 1));
  return [
    () => {
      const dy = site.gradient();
      return scaled(
        transA ? build.gemm(b, dy, { transA: transB, transB: true }) : build.gemm(dy, b, { transB: !transB }),
      );
    },
    () => {
      const dy = site.gradient();
      return scaled(
        transB ? build.gemm(dy, a, { transA: true, transB: transA }) : build.gemm(a, dy, { transA: !transA }),
      );
    },
    () => build.mul(site.gradient(), site.float("beta", 1)),
  ];
};

/** A stack of rows as one matrix: merges all axes except the last. */
const asMatrix = (build: Operations, x: Ref): Ref => build.reshape(x, [product(x.dims.slice(0, -1)), x.dims.at(-1)!]);

const matmul: Rule = (site) => {
  const { build } = site;
  // Vectors are matrices of one row or column, as in NumPy.
  const [first, second] = [site.input(0), site.input(1)];
  const a = first.dims.length === 1 ? build.reshape(first, [1, ...first.dims]) : first;
  const b = second.dims.length === 1 ? build.reshape(second, [...second.dims, 1]) : second;
  const batch = broadcast(a.dims.slice(0, -2), b.dims.slice(0, -2));
  const gradient = (): Ref => build.reshape(site.gradient(), [...batch, a.dims.at(-2)!, b.dims.at(-1)!]);
  // A stack of rows times one matrix is one large product.
  const flat = b.dims.length === 2;
  return [
    () => {
      const dy = gradient();
      if (flat) return build.reshape(build.gemm(asMatrix(build, dy), b, { transB: true }), first.dims);
      return build.reshape(build.sumTo(build.matmul(dy, build.matrixTranspose(b)), a.dims), first.dims);
    },
    () => {
      const dy = gradient();
      if (flat)
        return build.reshape(build.gemm(asMatrix(build, a), asMatrix(build, dy), { transA: true }), second.dims);
      return build.reshape(build.sumTo(build.matmul(build.matrixTranspose(a), dy), b.dims), second.dims);
    },
  ];
};

export const matrix: RuleTable = { Gemm: by(gemm), MatMul: by(matmul) };
