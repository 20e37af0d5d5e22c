/**
 * Pictures whose label is wrong, or may be: what the evidence says (labels/evidence.ts). Those that it speaks strongly against are one
 * finding, those that are worth a look another. The confidence is the probability that the label is wrong, and the sum of it is what each
 * finding expects of itself.
 */
import type { Check } from "../check.ts";
import type { Finding } from "../finding.ts";
import { WORTH_A_LOOK } from "../labels/evidence.ts";
import { roughly } from "../labels/sentence.ts";
import { type Subject, suspect } from "../subject.ts";

export const labelErrors: Check = {
  name: "label-errors",
  about: "labels that are wrong, or worth a look",
  find(subject) {
    const { wrong, strong } = subject.evidence;
    const named = [...wrong.keys()]
      .filter((at) => wrong[at]! >= WORTH_A_LOOK)
      .sort((a, b) => wrong[b]! - wrong[a]! || a - b);
    const sure = named.filter((at) => strong[at] === 1);
    const unsure = named.filter((at) => strong[at] === 0);
    return [
      ...finding(subject, sure, "quarantine", {
        title: `${sure.length} ${sure.length === 1 ? "picture is" : "pictures are"} probably in the wrong class`,
        advice: "Look at each: move it to the class that it shows, or leave it where the label is right after all.",
        severity: "harmful",
      }),
      ...finding(subject, unsure, "ask", {
        title: `The ${unsure.length === 1 ? "label of 1 picture is" : `labels of ${unsure.length} pictures are`} worth a look`,
        advice:
          "Hard pictures and wrong labels look alike here: correct what is wrong and keep the rest, hard pictures teach the most.",
        severity: "worth knowing",
      }),
    ];
  },
};

function finding(
  subject: Subject,
  named: readonly number[],
  fix: "quarantine" | "ask",
  { title, advice, severity }: Pick<Finding, "title" | "advice" | "severity">,
): Finding[] {
  if (named.length === 0) return [];
  const { wrong, shows } = subject.evidence;
  const right = named.reduce((sum, at) => sum + wrong[at]!, 0);
  return [
    {
      check: "label-errors",
      title: `${title}: ${expectation(right, named.length)}.`,
      advice,
      severity,
      confidence: wrong[named[0]!]!,
      expected: { right, false: named.length - right },
      groups: named.map((at) => [
        suspect(subject, at, { why: `looks like ${subject.classes[shows[at]!]}`, confidence: wrong[at]!, fix }),
      ]),
    },
  ];
}

const expectation = (right: number, named: number): string =>
  named === 1
    ? `it is wrong with a probability of ${Math.floor(right * 100)}%`
    : `expect ${roughly(right)} wrong labels among them, and ${roughly(named - right)} right ones`;
