/** Operators through which no gradient flows, and why. */
import type { RuleTable } from "../rule.ts";

const operators = (why: string, names: string): [string, { kind: "none"; why: string }][] =>
  names.split(" ").map((op) => [op, { kind: "none", why }]);

export const none: RuleTable = Object.fromEntries([
  ...operators(
    "constant",
    "Constant ConstantOfShape EyeLike Range RandomNormal RandomUniform RandomNormalLike RandomUniformLike Multinomial Bernoulli",
  ),
  ...operators("depends only on shapes", "Shape Size"),
  ...operators("outputs truth values", "Equal Greater GreaterOrEqual Less LessOrEqual And Or Not Xor IsNaN IsInf"),
  ...operators("outputs indices", "ArgMax ArgMin NonZero OneHot NonMaxSuppression"),
  ...operators("constant between its steps", "Floor Ceil Round Sign"),
]);
