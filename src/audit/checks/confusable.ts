/**
 * Pairs of classes that cannot be told apart: of the pictures of both, each asked which of the two it is by a head that did not see
 * it, hardly more are answered rightly than guessing would. The confidence is that the true share is below the limit.
 */
import { accuracyInterval } from "../../evaluate/interval.ts";
import type { Check } from "../check.ts";

/** The share of right answers, each class counting the same, below which two classes count as one: guessing reaches 0.5. */
const TOLD_APART = 0.7;
/** Pictures a class needs for a verdict. */
const FEWEST = 10;

export const confusable: Check = {
  name: "confusable",
  about: "classes that cannot be told apart",
  find({ classes, pictures, evidence: { probabilities } }) {
    const size = classes.length;
    const right = new Int32Array(size * size);
    const total = new Int32Array(size);
    pictures.forEach(({ label }, at) => {
      total[label]!++;
      for (let other = 0; other < size; other++)
        if (probabilities[at * size + label]! > probabilities[at * size + other]!) right[label * size + other]!++;
    });
    return classes.flatMap((name, a) =>
      classes.slice(a + 1).flatMap((other, i) => {
        const b = a + 1 + i;
        const [ofA, ofB] = [total[a]!, total[b]!];
        if (Math.min(ofA, ofB) < FEWEST) return [];
        const share = (right[a * size + b]! / ofA + right[b * size + a]! / ofB) / 2;
        if (share >= TOLD_APART) return [];
        const asked = 2 * Math.min(ofA, ofB);
        const [, high] = accuracyInterval(Math.round(share * asked), asked);
        return [
          {
            check: "confusable",
            title: `"${name}" and "${other}" are hardly told apart: of two such pictures, ${Math.round(share * 100)}% are named rightly (guessing: 50%).`,
            advice:
              "Look whether the labels follow a clear rule; else join the two classes, or add pictures that show the difference.",
            severity: "harmful" as const,
            confidence: high < TOLD_APART ? 0.975 : 0.5,
            groups: [],
          },
        ];
      }),
    );
  },
};
