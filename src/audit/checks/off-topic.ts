/**
 * Pictures that belong to no class: off-topic, damaged, or merely rare. Two signs give them away. One stands alone: the mean distance to its
 * nearest neighbours of the same class is far above that of the class's other pictures. Others stand together: they are far from their
 * class and near to one another, and carry the labels of several classes; had their neighbours all one other label, that would be the right
 * one, and `label-errors` speaks of it. Distances are compared in robust deviations (robust.ts); the confidence is Chebyshev's bound.
 */
import type { Check } from "../check.ts";
import { oddness, robustScores } from "../robust.ts";
import { suspect } from "../subject.ts";

/** From so many robust deviations on a picture stands alone, and from these on it stands with others: chosen by `npm run bench -- audit`. */
const ALONE = 3;
const TOGETHER = { fromClass: 2, gap: 3, mostVotes: 0.6 } as const;
/** Distances that differ by less than this do not tell pictures apart. */
const LEAST_DEVIATION = 0.05;
/** Fewer pictures than this make no class to be unlike of. */
const FEWEST = 20;

export const offTopic: Check = {
  name: "off-topic",
  about: "pictures unlike everything else in their class",
  find(subject) {
    const { classes, pictures, neighbours } = subject;
    const found = classes.flatMap((name, label) => {
      const own = pictures.flatMap((picture, at) => (picture.label === label ? [at] : []));
      if (own.length < FEWEST) return [];
      const { ownDistance, nearestDistance } = neighbours;
      const far = robustScores(
        own.map((at) => ownDistance[at]!),
        LEAST_DEVIATION,
      );
      const gaps = robustScores(
        own.map((at) => ownDistance[at]! - nearestDistance[at]!),
        LEAST_DEVIATION,
      );
      return own.flatMap((at, i) => {
        const others = classes.map((_, other) =>
          other === label ? 0 : neighbours.votes[at * classes.length + other]!,
        );
        const isTogether =
          far[i]! >= TOGETHER.fromClass && gaps[i]! >= TOGETHER.gap && Math.max(...others) < TOGETHER.mostVotes;
        if (far[i]! < ALONE && !isTogether) return [];
        const why = isTogether
          ? `unlike ${name}, and like pictures of several other classes`
          : `unlike the other pictures of ${name}`;
        const confidence = oddness(isTogether ? Math.max(far[i]!, gaps[i]!) : far[i]!);
        return [suspect(subject, at, { why, confidence, fix: "quarantine" })];
      });
    });
    if (found.length === 0) return [];
    const sorted = found.toSorted((a, b) => b.confidence - a.confidence);
    return [
      {
        check: "off-topic",
        title: `${found.length} ${found.length === 1 ? "picture is" : "pictures are"} unlike everything else in ${found.length === 1 ? "its" : "their"} class.`,
        advice: "Take out what is off-topic; keep what is merely rare, and add more like it.",
        severity: "harmful",
        confidence: sorted[0]!.confidence,
        groups: sorted.map((one) => [one]),
      },
    ];
  },
};
