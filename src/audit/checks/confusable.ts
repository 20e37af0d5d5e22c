/**
 * Pairs of classes that cannot be told apart: of the images of both, a head that did not see them classifies hardly more correctly
 * (between the two) than chance. The confidence is that of the true share being below the limit.
 */
import { accuracyInterval } from "../../evaluate/interval.ts";
import type { Check } from "../check.ts";

/** Balanced accuracy between two classes below which they count as confusable; chance is 0.5. */
const LEAST_ACCURACY = 0.7;
/** Images that a class needs to be compared. */
const FEWEST = 10;

export const confusable: Check = {
  name: "confusable",
  about: "classes that cannot be told apart",
  find({ classes, images, evidence: { probabilities } }) {
    const size = classes.length;
    const correct = new Int32Array(size * size);
    const total = new Int32Array(size);
    images.forEach(({ label }, at) => {
      total[label]!++;
      for (let other = 0; other < size; other++)
        if (probabilities[at * size + label]! > probabilities[at * size + other]!) correct[label * size + other]!++;
    });
    return classes.flatMap((name, a) =>
      classes.slice(a + 1).flatMap((other, i) => {
        const b = a + 1 + i;
        const [ofA, ofB] = [total[a]!, total[b]!];
        if (Math.min(ofA, ofB) < FEWEST) return [];
        const share = (correct[a * size + b]! / ofA + correct[b * size + a]! / ofB) / 2;
        if (share >= LEAST_ACCURACY) return [];
        const counted = 2 * Math.min(ofA, ofB);
        const [, high] = accuracyInterval(Math.round(share * counted), counted);
        return [
          {
            check: "confusable",
            title: `"${name}" and "${other}" are hard to tell apart: ${Math.round(share * 100)}% of their images are assigned to the correct one of the two (guessing: 50%).`,
            advice:
              "Check whether the labels follow a clear rule. If not, merge the two classes, or add images that show the difference.",
            severity: "harmful" as const,
            confidence: high < LEAST_ACCURACY ? 0.975 : 0.5,
            groups: [],
          },
        ];
      }),
    );
  },
};
