/** Gradients of arithmetic between broadcast tensors. The caller sums over broadcast axes. */
import type { Ref } from "../build/builder.ts";
import type { Operations } from "../build/operations.ts";
import { by, type Rule, type RuleTable } from "../rule.ts";

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
