/** Generates docs/operators.md, the list of operators that can be trained, from the registry. */
import { subjects } from "./registry.ts";
import type { Differentiation, RuleTable } from "./rule.ts";

const INTRODUCTION = `# Operators that can be trained

Graft computes the backward pass of a network itself. It has one rule per ONNX operator, each checked against finite differences and
PyTorch's autograd. Frozen layers need no rule: an operator that is not listed here matters only if you train a layer before it. In
that case Graft stops and names the node.

This page is generated from the rules: run \`npx vitest run src/autodiff/document -u\` to update it.
`;

/** The text of `docs/operators.md`. */
export function operatorsPage(): string {
  const sections = Object.entries(subjects).map(([subject, rules]) => `## ${subject}\n\n${listed(rules)}\n`);
  return [INTRODUCTION, ...sections].join("\n");
}

function listed(rules: RuleTable): string {
  const rows = Object.entries(rules).map(([op, how]) => `| ${op} | ${remark(how)} |`);
  const heading = Object.values(rules).every(({ kind }) => kind === "none") ? "reason" : "support";
  return [`| operator | ${heading} |`, "|---|---|", ...rows].join("\n");
}

const remark = (how: Differentiation): string => (how.kind === "none" ? how.why : (how.limits ?? "complete"));
