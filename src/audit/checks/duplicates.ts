/**
 * Copies of one picture (exact, resized, recompressed, mirrored): across splits they leak the test into training, with different labels
 * one of them is wrong, within a class they make one picture count twice. The confidence is 1 for equal files, else the likeness.
 */
import type { Check } from "../check.ts";
import type { Finding, Suspect } from "../finding.ts";
import { type Subject, splitName, suspect } from "../subject.ts";

/** One group of copies. */
type Group = readonly number[];

/** Splits in the order in which a copy is kept: the test is worth most. */
const keptFirst = ["test", "validation", "train", undefined] as const;

const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

/** The weakest of the links that hold a group together. */
function confidenceOf({ copies: { links } }: Subject, group: Group): number {
  const members = new Set(group);
  return Math.min(1, ...links.flatMap(({ a, likeness }) => (members.has(a) ? [likeness] : [])));
}

/** The group, the picture to keep first: of the most valuable split, then with the most pixels. */
function inOrder({ pictures }: Subject, group: Group): Group {
  const rank = (at: number): number => keptFirst.indexOf(pictures[at]!.split);
  const pixels = (at: number): number => pictures[at]!.traits.width * pictures[at]!.traits.height;
  return group.toSorted((a, b) => rank(a) - rank(b) || pixels(b) - pixels(a) || a - b);
}

/** A group's pictures: all but the first go to the quarantine. */
function keepingFirst(subject: Subject, group: Group): Suspect[] {
  const confidence = confidenceOf(subject, group);
  const [kept, ...others] = inOrder(subject, group);
  const { name } = subject.pictures[kept!]!;
  return [
    suspect(subject, kept!, { why: "kept", confidence, fix: "keep" }),
    ...others.map((at) => suspect(subject, at, { why: `a copy of ${name}`, confidence, fix: "quarantine" })),
  ];
}

const surest = (groups: readonly (readonly Suspect[])[]): number =>
  Math.max(...groups.flat().map(({ confidence }) => confidence));

const byConfidence = (groups: readonly Suspect[][]): Suspect[][] =>
  groups.toSorted((a, b) => b[0]!.confidence - a[0]!.confidence);

const differs = (subject: Subject, group: Group, of: "label" | "split"): boolean =>
  new Set(group.map((at) => subject.pictures[at]![of])).size > 1;

function finding(
  groups: Suspect[][],
  rest: Pick<Finding, "check" | "title" | "advice" | "severity">,
): readonly Finding[] {
  return groups.length === 0 ? [] : [{ ...rest, confidence: surest(groups), groups: byConfidence(groups) }];
}

/** Copies with different labels: whichever is right, all go, since the audit cannot know. */
export const conflictingCopies: Check = {
  name: "conflicting-copies",
  about: "one picture with different labels",
  find(subject) {
    const groups = subject.copies.groups.filter((group) => differs(subject, group, "label"));
    const suspects = groups.map((group) => {
      const confidence = confidenceOf(subject, group);
      const labels = [...new Set(group.map((at) => subject.classes[subject.pictures[at]!.label]!))].join(" and ");
      return inOrder(subject, group).map((at) =>
        suspect(subject, at, { why: `the same picture is in ${labels}`, confidence, fix: "quarantine" }),
      );
    });
    return finding(suspects, {
      check: "conflicting-copies",
      title: `${counted(groups.length, "picture carries", "pictures carry")} different labels in different copies.`,
      advice: "Decide which class is right and keep that copy alone.",
      severity: "harmful",
    });
  },
};

/** Copies in several splits: the test measures memory. */
export const leaks: Check = {
  name: "leaks",
  about: "one picture in training and in the test",
  find(subject) {
    const groups = subject.copies.groups.filter(
      (group) => differs(subject, group, "split") && !differs(subject, group, "label"),
    );
    const splits = new Set(groups.flat().map((at) => splitName(subject.pictures[at]!.split)));
    return finding(
      groups.map((group) => keepingFirst(subject, group)),
      {
        check: "leaks",
        title: `${counted(groups.length, "picture is", "pictures are")} in several parts at once (${[...splits].sort().join(", ")}), so that the test asks what training has shown.`,
        advice: "Keep the copy in the test and take the others out of training.",
        severity: "serious",
      },
    );
  },
};

/** Copies within one class and split. */
export const copies: Check = {
  name: "copies",
  about: "one picture several times in a class",
  find(subject) {
    const groups = subject.copies.groups.filter(
      (group) => !differs(subject, group, "split") && !differs(subject, group, "label"),
    );
    return finding(
      groups.map((group) => keepingFirst(subject, group)),
      {
        check: "copies",
        title: `${counted(groups.length, "picture is", "pictures are")} in a class more than once.`,
        advice: "Keep one of each: copies count double, and a held-out test may share them with training.",
        severity: groups.some((group) => subject.pictures[group[0]!]!.split === undefined)
          ? "harmful"
          : "worth knowing",
      },
    );
  },
};
