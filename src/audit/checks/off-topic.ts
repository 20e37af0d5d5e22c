/**
 * Pictures unlike everything in their class: off-topic, damaged, or merely rare. The mean distance of a picture to its nearest
 * neighbours of the same class is compared with that of the class's other pictures, in robust deviations (robust.ts). Where the
 * picture looks like another class instead, its label is the likelier fault and `label-errors` speaks of it. The confidence is
 * Chebyshev's bound.
 */
import type { Check } from "../check.ts";
import { oddness, robustScores } from "../robust.ts";
import { suspect } from "../subject.ts";

/** From so many robust deviations on: chosen by `npm run bench -- audit`. */
const ODD = 3;
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
      const scores = robustScores(
        own.map((at) => neighbours.ownDistance[at]!),
        LEAST_DEVIATION,
      );
      return own.flatMap((at, i) => {
        if (scores[i]! < ODD) return [];
        const why = `unlike the other pictures of ${name}`;
        return [suspect(subject, at, { why, confidence: oddness(scores[i]!), fix: "quarantine" })];
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
