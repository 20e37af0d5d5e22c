/**
 * Copies of one image (exact, resized, recompressed, mirrored). Across splits they leak the test into training; with different labels one
 * label is wrong; within a class one image counts twice. The confidence is 1 for equal files, otherwise the similarity.
 */
import type { Check, Finding, Suspect } from "../check.ts";
import { type Subject, splitName, suspect } from "../check.ts";

/** One group of copies. */
type Group = readonly number[];

/** Splits in the order in which a copy is kept: test images are worth most. */
const keptFirst = ["test", "validation", "train", undefined] as const;

const counted = (count: number, one: string, many: string): string => `${count} ${count === 1 ? one : many}`;

/** The similarity of the weakest link within a group. */
function confidenceOf({ copies: { links } }: Subject, group: Group): number {
  const members = new Set(group);
  return Math.min(1, ...links.flatMap(({ a, likeness }) => (members.has(a) ? [likeness] : [])));
}

/** Sorts a group so that the image to keep comes first: from the most valuable split, then with the most pixels. */
function inOrder({ images }: Subject, group: Group): Group {
  const rank = (at: number): number => keptFirst.indexOf(images[at]!.split);
  const pixels = (at: number): number => images[at]!.traits.width * images[at]!.traits.height;
  return group.toSorted((a, b) => rank(a) - rank(b) || pixels(b) - pixels(a) || a - b);
}

/** The suspects of a group: all but the first go to the quarantine. */
function keepingFirst(subject: Subject, group: Group): Suspect[] {
  const confidence = confidenceOf(subject, group);
  const [kept, ...others] = inOrder(subject, group);
  const { name } = subject.images[kept!]!;
  return [
    suspect(subject, kept!, { why: "kept", confidence, fix: "keep" }),
    ...others.map((at) => suspect(subject, at, { why: `a copy of ${name}`, confidence, fix: "quarantine" })),
  ];
}

const highestConfidence = (groups: readonly (readonly Suspect[])[]): number =>
  Math.max(...groups.flat().map(({ confidence }) => confidence));

const byConfidence = (groups: readonly Suspect[][]): Suspect[][] =>
  groups.toSorted((a, b) => b[0]!.confidence - a[0]!.confidence);

const differs = (subject: Subject, group: Group, of: "label" | "split"): boolean =>
  new Set(group.map((at) => subject.images[at]![of])).size > 1;

/** The groups of one label. */
const agreeing = (subject: Subject, where: "across splits" | "within a split"): readonly Group[] =>
  subject.copies.groups.filter(
    (group) => !differs(subject, group, "label") && differs(subject, group, "split") === (where === "across splits"),
  );

function finding(
  groups: Suspect[][],
  rest: Pick<Finding, "check" | "title" | "advice" | "severity">,
): readonly Finding[] {
  return groups.length === 0 ? [] : [{ ...rest, confidence: highestConfidence(groups), groups: byConfidence(groups) }];
}

/** Copies with different labels: all go, since the audit cannot know which label is correct. */
export const conflictingCopies: Check = {
  name: "conflicting-copies",
  about: "one image with different labels",
  find(subject) {
    const groups = subject.copies.groups.filter((group) => differs(subject, group, "label"));
    const suspects = groups.map((group) => {
      const confidence = confidenceOf(subject, group);
      const labels = [...new Set(group.map((at) => subject.classes[subject.images[at]!.label]!))].join(" and ");
      return inOrder(subject, group).map((at) =>
        suspect(subject, at, { why: `the same image is in ${labels}`, confidence, fix: "quarantine" }),
      );
    });
    return finding(suspects, {
      check: "conflicting-copies",
      title: `${counted(groups.length, "image has", "images have")} different labels in different copies.`,
      advice: "Decide which class is correct and keep only that copy.",
      severity: "harmful",
    });
  },
};

/** Copies in several splits: the test measures memorisation. */
export const leaks: Check = {
  name: "leaks",
  about: "one image in both training and test",
  find(subject) {
    const groups = agreeing(subject, "across splits");
    const splits = new Set(groups.flat().map((at) => splitName(subject.images[at]!.split)));
    return finding(
      groups.map((group) => keepingFirst(subject, group)),
      {
        check: "leaks",
        title: `${counted(groups.length, "image is", "images are")} in several splits (${[...splits].sort().join(", ")}), so the test contains what training has seen.`,
        advice: "Keep the copy in the test and remove the others from training.",
        severity: "serious",
      },
    );
  },
};

/** Copies within one class and split. */
export const copies: Check = {
  name: "copies",
  about: "one image several times in a class",
  find(subject) {
    const groups = agreeing(subject, "within a split");
    return finding(
      groups.map((group) => keepingFirst(subject, group)),
      {
        check: "copies",
        title: `${counted(groups.length, "image is", "images are")} in a class more than once.`,
        advice: "Keep one of each: copies count double, and a held-out test may share them with training.",
        severity: groups.some((group) => subject.images[group[0]!]!.split === undefined) ? "harmful" : "worth knowing",
      },
    );
  },
};
