/** Gradients of element-wise functions of one tensor: powers, exponentials, trigonometry. */
import type { Ref } from "../build/builder.ts";
import type { Operations } from "../build/operations.ts";
import { by, type RuleTable } from "../rule.ts";

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
