/**
 * Shortcuts: a property unrelated to the subject predicts a class suspiciously well, so that a network may learn it instead (Geirhos et
 * al., "Shortcut learning in deep neural networks", arXiv 2004.07780). The confidence for a class is Youden's J of the property alone in
 * cross-validation: the class's recall minus the share of other classes' images that are predicted as it.
 */
import { randomFor } from "../../base/random.ts";
import type { Check } from "../check.ts";
import type { Finding } from "../finding.ts";
import { predictFrom } from "../shortcuts/predict.ts";
import { properties } from "../shortcuts/properties.ts";

/** Youden's J from which a property is reported: chosen so that the shared datasets' own colours stay below it (`npm run bench -- audit`). */
const SUSPICIOUS = 0.7;
/** Images needed in the class, and in the rest. */
const FEWEST = 20;

export const shortcuts: Check = {
  name: "shortcuts",
  about: "classes given away by brightness, size, border, format, camera or folder",
  find({ classes, images, groups }) {
    const counts = classes.map((_, label) => images.filter((image) => image.label === label).length);
    return properties.flatMap((property) => {
      const random = randomFor(0, "shortcuts", property.name);
      const predicted = predictFrom(property, images, classes.length, random, groups);
      return classes.flatMap((name, label): Finding[] => {
        if (counts[label]! < FEWEST || images.length - counts[label]! < FEWEST) return [];
        let [found, wrong] = [0, 0];
        images.forEach((image, at) => {
          if (predicted[at] !== label) return;
          if (image.label === label) found++;
          else wrong++;
        });
        const [recall, falsely] = [found / counts[label]!, wrong / (images.length - counts[label]!)];
        if (recall - falsely < SUSPICIOUS) return [];
        const per = (share: number): string => `${Math.round(share * 100)}%`;
        return [
          {
            check: "shortcuts",
            title: `By ${property.name} alone, ${per(recall)} of "${name}" are found, and ${per(falsely)} of the others are taken for it.`,
            advice: `Make ${property.name} the same in all classes, or the network may learn it instead of what the images show.`,
            severity: "serious",
            confidence: recall - falsely,
            groups: [],
          },
        ];
      });
    });
  },
};
