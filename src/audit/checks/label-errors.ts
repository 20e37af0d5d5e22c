/**
 * Pictures whose label is probably wrong: confident learning (Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty
 * in dataset labels", JAIR 2021, arXiv 1911.00068). A picture is suspected where the probability of another class, by judges that have
 * not seen the picture, is at least as high as is usual for pictures of that class. The judges are two, and their mean counts: a head
 * fitted on other pictures, and the picture's nearest neighbours; either alone mistakes hard pictures for wrong labels more often.
 * The confidence is one minus the label's own probability.
 */
import { argmax } from "../../evaluate/softmax.ts";
import type { Check } from "../check.ts";
import { type Subject, suspect } from "../subject.ts";

/** The lead that another class must have over the label, in probability: chosen by `npm run bench -- audit`. */
const LEAST_LEAD = 0.65;

export const labelErrors: Check = {
  name: "label-errors",
  about: "labels that are probably wrong",
  find(subject) {
    const { classes, pictures } = subject;
    const belief = beliefs(subject);
    const usual = usualConfidence(belief, subject);
    const found = pictures.flatMap(({ label }, at) => {
      const row = belief.subarray(at * classes.length, (at + 1) * classes.length);
      const best = argmax(row, 0, classes.length);
      const lead = row[best]! - row[label]!;
      if (best === label || row[best]! < usual[best]! || lead < LEAST_LEAD) return [];
      return [
        suspect(subject, at, { why: `looks like ${classes[best]}`, confidence: 1 - row[label]!, fix: "quarantine" }),
      ];
    });
    if (found.length === 0) return [];
    const sorted = found.toSorted((a, b) => b.confidence - a.confidence);
    return [
      {
        check: "label-errors",
        title: `${found.length} ${found.length === 1 ? "picture is probably in the wrong class" : "pictures are probably in the wrong class"}.`,
        advice: "Look at each: move it to the class that it shows, or leave it where the label is right after all.",
        severity: "harmful",
        confidence: sorted[0]!.confidence,
        groups: sorted.map((one) => [one]),
      },
    ];
  },
};

/** `[N, C]`: the mean of both judges. */
const beliefs = ({ answers, neighbours }: Subject): Float32Array =>
  answers.map((answer, i) => (answer + neighbours.votes[i]!) / 2);

/** How probable each class usually is, to the judges, for pictures that carry its label: the paper's thresholds t_j. */
function usualConfidence(belief: Float32Array, { classes, pictures }: Subject): number[] {
  const sums = classes.map(() => 0);
  const counts = classes.map(() => 0);
  pictures.forEach(({ label }, at) => {
    sums[label]! += belief[at * classes.length + label]!;
    counts[label]!++;
  });
  return sums.map((sum, label) => sum / Math.max(1, counts[label]!));
}
