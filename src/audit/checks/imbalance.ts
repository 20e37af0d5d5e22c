/** Classes with far fewer images than others, or with too few for reliable results. */
import type { Check } from "../check.ts";
import type { Finding } from "../finding.ts";
import { isTraining } from "../subject.ts";

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
