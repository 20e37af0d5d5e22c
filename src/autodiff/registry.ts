/** All gradient rules by operator; docs/operators.md is generated from this list. The rules themselves are in `rules/`. */
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

/** Rules by subject, in the order of the documentation. */
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

/** How the operator of a node is differentiated; undefined if Graft has no rule for it. */
export const differentiationOf = ({ domain, op }: Node): Differentiation | undefined =>
  table.get(domain === "" || domain === "ai.onnx" ? op : `${domain}.${op}`);
