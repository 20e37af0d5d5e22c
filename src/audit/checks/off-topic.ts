/**
 * Images that belong to no class: off-topic, damaged, or merely rare. There are two signs. An isolated image has a mean distance to its
 * nearest neighbours of the same class far above that of the class's other images. Images of a cluster are far from their class, near to
 * one another, and carry the labels of several classes; if their neighbours all had one other label, that would be the correct one, which
 * is reported by `label-errors`. Distances are in robust deviations ({@link robustScores}); the confidence is Chebyshev's bound.
 */
import type { Check } from "../check.ts";
import { outlierConfidence, robustScores } from "../robust.ts";
import { suspect } from "../subject.ts";

/** Robust deviations from which an image counts as isolated, or as part of a cluster: chosen by `npm run bench -- audit`. */
const ISOLATED = 3;
const CLUSTERED = { fromClass: 2, gap: 3, mostVotes: 0.6 } as const;
/** Minimum deviation: smaller differences of distance are not significant. */
const LEAST_DEVIATION = 0.05;
/** Images that a class needs for the comparison. */
const FEWEST = 20;

export const offTopic: Check = {
  name: "off-topic",
  about: "images unlike everything else in their class",
  find(subject) {
    const { classes, images, neighbours } = subject;
    const found = classes.flatMap((name, label) => {
      const own = images.flatMap((image, at) => (image.label === label ? [at] : []));
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
        const isClustered =
          far[i]! >= CLUSTERED.fromClass && gaps[i]! >= CLUSTERED.gap && Math.max(...others) < CLUSTERED.mostVotes;
        if (far[i]! < ISOLATED && !isClustered) return [];
        const why = isClustered
          ? `unlike ${name}, and like images of several other classes`
          : `unlike the other images of ${name}`;
        const confidence = outlierConfidence(isClustered ? Math.max(far[i]!, gaps[i]!) : far[i]!);
        return [suspect(subject, at, { why, confidence, fix: "quarantine" })];
      });
    });
    if (found.length === 0) return [];
    const sorted = found.toSorted((a, b) => b.confidence - a.confidence);
    return [
      {
        check: "off-topic",
        title: `${found.length} ${found.length === 1 ? "image is" : "images are"} unlike everything else in ${found.length === 1 ? "its" : "their"} class.`,
        advice: "Remove what is off-topic; keep what is merely rare, and add more like it.",
        severity: "harmful",
        confidence: sorted[0]!.confidence,
        groups: sorted.map((one) => [one]),
      },
    ];
  },
};
