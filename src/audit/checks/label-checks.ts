/**
 * The checks of labels and classes: wrong labels, classes that cannot be told apart, and imbalance. Estimating the evidence is in labels/.
 */
import { accuracyInterval } from "../../metrics/intervals.ts";
import { type Check, type Finding, isTraining, type Subject, suspect } from "../check.ts";
import { roughly, WORTH_A_LOOK } from "../labels/label-evidence.ts";

/**
 * Images whose label is wrong, or may be, by the {@link LabelEvidence}. Strong evidence makes one finding, weaker evidence another. The
 * confidence is the probability that the label is wrong; its sum is the number of wrong labels that a finding expects.
 */
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

// Pairs of classes that cannot be told apart: of the images of both, a head that did not see them classifies hardly more correctly
// (between the two) than chance. The confidence is that of the true share being below the limit.

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

// Classes with far fewer images than others, or with too few for reliable results.

/** The ratio of the largest class to the smallest from which the imbalance is reported. */
const RATIO = 5;
/** With fewer training images than this, what is learned of a class is chance. */
const FEW = 10;

export const imbalance: Check = {
  name: "imbalance",
  about: "classes with far fewer images than others",
  find({ classes, images }) {
    const counts = classes.map(
      (_, label) => images.filter((image) => image.label === label && isTraining(image.split)).length,
    );
    const [least, most] = [Math.min(...counts), Math.max(...counts)];
    const smallest = classes[counts.indexOf(least)];
    const findings: Finding[] = [];
    if (most >= RATIO * least) {
      findings.push({
        check: "imbalance",
        title: `"${classes[counts.indexOf(most)]}" has ${most} training images and "${smallest}" ${least}.`,
        advice: "Add images to the small classes, or train with --class-weights balanced.",
        severity: "harmful",
        confidence: 1,
        groups: [],
      });
    }
    const few = classes.filter((_, label) => counts[label]! < FEW);
    if (few.length > 0) {
      findings.push({
        check: "imbalance",
        title: `${few.length === 1 ? `"${few[0]}" has` : `${few.length} classes, such as "${smallest}", have`} fewer than ${FEW} training images.`,
        advice: "Add images: with so few, the model cannot learn a class reliably.",
        severity: "harmful",
        confidence: 1,
        groups: [],
      });
    }
    return findings;
  },
};
