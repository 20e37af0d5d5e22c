/** Operators through which no gradient flows, and why. */
import type { RuleTable } from "../rule.ts";

const table = (why: string, operators: string): [string, { kind: "none"; why: string }][] =>
  operators.split(" ").map((op) => [op, { kind: "none", why }]);

export const none: RuleTable = Object.fromEntries([
  ...table(
    "constant",
    "Constant ConstantOfShape EyeLike Range RandomNormal RandomUniform RandomNormalLike RandomUniformLike Multinomial Bernoulli",
  ),
  ...table("depends only on shapes", "Shape Size"),
  ...table("outputs truth values", "Equal Greater GreaterOrEqual Less LessOrEqual And Or Not Xor IsNaN IsInf"),
  ...table("outputs indices", "ArgMax ArgMin NonZero OneHot NonMaxSuppression"),
  ...table("constant between its steps", "Floor Ceil Round Sign"),
]);
