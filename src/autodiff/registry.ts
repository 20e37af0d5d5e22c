/** All gradient rules, by operator. The rules are in `rules/`; `docs/operators.md` is made from this list. */
import type { Node } from "../graph/model.ts";
import type { Differentiation, RuleTable } from "./rule.ts";
import { activation } from "./rules/activation.ts";
import { arithmetic } from "./rules/arithmetic.ts";
import { convolution } from "./rules/conv.ts";
import { elementwise } from "./rules/elementwise.ts";
import { gathering } from "./rules/gather.ts";
import { matrix } from "./rules/matrix.ts";
import { none } from "./rules/none.ts";
import { normalise } from "./rules/normalise.ts";
import { pool } from "./rules/pool.ts";
import { reduce } from "./rules/reduce.ts";
import { resizing } from "./rules/resize.ts";
import { shape } from "./rules/shape.ts";

/** Rules by subject, in the order in which the documentation lists them. */
export const subjects: Readonly<Record<string, RuleTable>> = {
  Convolution: convolution,
  "Matrix products": matrix,
  Pooling: pool,
  Normalisation: normalise,
  "Activation functions": activation,
  Arithmetic: arithmetic,
  "Functions by element": elementwise,
  Reductions: reduce,
  "Shapes and parts": shape,
  "Picking by index": gathering,
  "Resizing and padding": resizing,
  "Without a gradient": none,
};

const table = new Map(Object.values(subjects).flatMap((rules) => Object.entries(rules)));

/** How the operator of a node is differentiated; nothing where Graft has no rule for it. */
export const differentiationOf = ({ domain, op }: Node): Differentiation | undefined =>
  table.get(domain === "" || domain === "ai.onnx" ? op : `${domain}.${op}`);
