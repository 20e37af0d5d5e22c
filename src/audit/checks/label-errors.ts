/**
 * Images whose label is wrong, or may be, by the {@link LabelEvidence}. Strong evidence makes one finding, weaker evidence
 * another. The confidence is the probability that the label is wrong; its sum is the number of wrong labels that a finding expects.
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
    const suspected = [...wrong.keys()]
      .filter((at) => wrong[at]! >= WORTH_A_LOOK)
      .sort((a, b) => wrong[b]! - wrong[a]! || a - b);
    const strongest = suspected.filter((at) => strong[at] === 1);
    const weak = suspected.filter((at) => strong[at] === 0);
    return [
      ...finding(subject, strongest, "quarantine", {
        title: `${strongest.length} ${strongest.length === 1 ? "image is" : "images are"} probably in the wrong class`,
        advice: "Look at each: move it to the class that it shows, or keep it if the label is correct after all.",
        severity: "harmful",
      }),
      ...finding(subject, weak, "ask", {
        title: `The ${weak.length === 1 ? "label of 1 image is" : `labels of ${weak.length} images are`} worth a look`,
        advice:
          "Hard images and wrong labels look the same here: correct wrong labels and keep the rest, since hard images teach the most.",
        severity: "worth knowing",
      }),
    ];
  },
};

function finding(
  subject: Subject,
  suspected: readonly number[],
  fix: "quarantine" | "ask",
  { title, advice, severity }: Pick<Finding, "title" | "advice" | "severity">,
): Finding[] {
  if (suspected.length === 0) return [];
  const { wrong, shows } = subject.evidence;
  const right = suspected.reduce((sum, at) => sum + wrong[at]!, 0);
  return [
    {
      check: "label-errors",
      title: `${title}: ${expectation(right, suspected.length)}.`,
      advice,
      severity,
      confidence: wrong[suspected[0]!]!,
      expected: { right, false: suspected.length - right },
      groups: suspected.map((at) => [
        suspect(subject, at, { why: `looks like ${subject.classes[shows[at]!]}`, confidence: wrong[at]!, fix }),
      ]),
    },
  ];
}

const expectation = (right: number, suspected: number): string =>
  suspected === 1
    ? `it is wrong with a probability of ${Math.floor(right * 100)}%`
    : `expect ${roughly(right)} wrong labels among them, and ${roughly(suspected - right)} right ones`;
