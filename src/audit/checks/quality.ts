/**
 * Images of poor quality: blank, too dark, blurred, tiny, much longer than wide. Each is a row of a table. The confidence is 1 for
 * absolute limits; blur is relative to the other images, with Chebyshev's bound as its confidence.
 */

import type { Traits } from "../../data/traits/traits.ts";
import type { Check } from "../check.ts";
import { outlierConfidence, robustScores } from "../robust.ts";
import { type AuditedImage, suspect } from "../subject.ts";

/** One quality fault. */
interface Fault {
  readonly name: string;
  readonly about: string;
  readonly title: (count: number) => string;
  readonly advice: string;
  readonly fix: "quarantine" | "keep";
  /** The confidence in this fault for each image; 0 for images without it. */
  readonly confidence: (images: readonly AuditedImage[]) => ArrayLike<number>;
  readonly why: (traits: Traits) => string;
}

/** Three grey levels: no network detects a lower contrast. */
const BLANK_CONTRAST = 3 / 255;
const DARK = 0.06;
/** Images with a shorter side than this are enlarged several times by every network. */
const TINY = 32;
const LONG = 4;
const BLURRED_SCORE = -5;
const LEAST_BLUR_DEVIATION = 0.25;

const always =
  (is: (traits: Traits) => boolean): Fault["confidence"] =>
  (images) =>
    images.map(({ traits }) => (is(traits) ? 1 : 0));

const isBlank = ({ contrast }: Traits): boolean => contrast < BLANK_CONTRAST;
const isTiny = ({ width, height }: Traits): boolean => Math.min(width, height) < TINY;
const ratio = ({ width, height }: Traits): number => Math.max(width, height) / Math.min(width, height);
const are = (count: number): string => (count === 1 ? "1 image is" : `${count} images are`);

const faults: readonly Fault[] = [
  {
    name: "blank",
    about: "images of one plain colour",
    title: (count) => `${are(count)} blank.`,
    advice: "Remove them: there is nothing to learn from.",
    fix: "quarantine",
    confidence: always(isBlank),
    why: () => "one plain colour",
  },
  {
    name: "dark",
    about: "images that are nearly black",
    title: (count) => `${are(count)} nearly black.`,
    advice: "Remove them, or brighten them if such images are to be recognised later.",
    fix: "keep",
    confidence: always((traits) => traits.brightness < DARK && !isBlank(traits)),
    why: ({ brightness }) => `${Math.round(brightness * 100)}% as bright as white`,
  },
  {
    name: "blurred",
    about: "images much less sharp than the others",
    title: (count) => `${are(count)} far less sharp than the others.`,
    advice: "Keep them only if such images are to be recognised later.",
    fix: "keep",
    confidence: (images) => {
      const sharpness = images.map(({ traits }) => Math.log(Math.max(traits.sharpness, 1e-4)));
      const scores = robustScores(sharpness, LEAST_BLUR_DEVIATION);
      return scores.map((score, at) =>
        score <= BLURRED_SCORE && !isBlank(images[at]!.traits) && !isTiny(images[at]!.traits)
          ? outlierConfidence(score)
          : 0,
      );
    },
    why: () => "blurred",
  },
  {
    name: "tiny",
    about: `images of fewer than ${TINY} pixels on a side`,
    title: (count) => `${are(count)} smaller than ${TINY} pixels.`,
    advice: "Find larger versions: a network sees them enlarged several times.",
    fix: "keep",
    confidence: always(isTiny),
    why: ({ width, height }) => `${width} × ${height} pixels`,
  },
  {
    name: "long",
    about: `images of which one side is ${LONG} times the other`,
    title: (count) => `${are(count)} at least ${LONG} times as long as wide.`,
    advice: "Crop them: to fit the network's square they are squeezed, or mostly cut off.",
    fix: "keep",
    confidence: always((traits) => ratio(traits) >= LONG),
    why: ({ width, height }) => `${width} × ${height} pixels`,
  },
];

export const quality: readonly Check[] = faults.map(
  ({ name, about, title, advice, fix, confidence: confidenceOf, why }) => ({
    name,
    about,
    find(subject) {
      const { images } = subject;
      const confidences = confidenceOf(images);
      const found = images
        .flatMap(({ traits }, at) => {
          const confidence = confidences[at]!;
          return confidence > 0 ? [suspect(subject, at, { why: why(traits), confidence, fix })] : [];
        })
        .sort((a, b) => b.confidence - a.confidence);
      if (found.length === 0) return [];
      return [
        {
          check: name,
          title: title(found.length),
          advice,
          severity: "worth knowing",
          confidence: found[0]!.confidence,
          groups: found.map((one) => [one]),
        },
      ];
    },
  }),
);
