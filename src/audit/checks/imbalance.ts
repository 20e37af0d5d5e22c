/** Classes with far fewer pictures than others, or with too few for anything said of them to be certain. */
import type { Check } from "../check.ts";
import type { Finding } from "../finding.ts";

/** From this ratio of the largest class to the smallest, the imbalance is worth a word. */
const RATIO = 5;
/** Fewer training pictures than this make a class that is learned by luck. */
const FEW = 10;

export const imbalance: Check = {
  name: "imbalance",
  about: "classes with far fewer pictures than others",
  find({ classes, pictures }) {
    const counts = classes.map(
      (_, label) => pictures.filter((picture) => picture.label === label && isTraining(picture.split)).length,
    );
    const [least, most] = [Math.min(...counts), Math.max(...counts)];
    const smallest = classes[counts.indexOf(least)];
    const findings: Finding[] = [];
    if (most >= RATIO * least) {
      findings.push({
        check: "imbalance",
        title: `"${classes[counts.indexOf(most)]}" has ${most} training pictures and "${smallest}" ${least}.`,
        advice: "Add pictures to the small classes, or train with --class-weights balanced.",
        severity: "harmful",
        confidence: 1,
        groups: [],
      });
    }
    const few = classes.filter((_, label) => counts[label]! < FEW);
    if (few.length > 0) {
      findings.push({
        check: "imbalance",
        title: `${few.length === 1 ? `"${few[0]}" has` : `${few.length} classes, such as "${smallest}", have`} fewer than ${FEW} training pictures.`,
        advice: "Add pictures: with so few, what is learned of a class is chance.",
        severity: "harmful",
        confidence: 1,
        groups: [],
      });
    }
    return findings;
  },
};

const isTraining = (split: string | undefined): boolean => split === undefined || split === "train";
