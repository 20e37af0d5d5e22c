/**
 * The checks of single images: poor quality, off-topic and unreadable ones. Labels are checked in label-checks.ts, copies in
 * duplicate-checks.ts.
 */
import { quantile } from "../../base/collections.ts";
import type { Traits } from "../../data/image/traits.ts";
import { type AuditedImage, type Check, suspect } from "../check.ts";

/** The ratio of a normal distribution's standard deviation to its median absolute deviation. */
const MAD_TO_DEVIATION = 1.4826;

/**
 * The robust score of each value: its distance from the median (below: negative) divided by 1.4826 times the median absolute deviation,
 * which estimates the standard deviation. Source: Iglewicz and Hoaglin, How to Detect and Handle Outliers (1993).
 *
 * @param least lower bound of the deviation, so that nearly equal values have no outliers
 */
export function robustScores(values: ArrayLike<number>, least: number): Float64Array {
  const median = quantile(values, 0.5);
  const deviations = Float64Array.from(values as ArrayLike<number>, (value) => Math.abs(value - median));
  const scale = Math.max(least, MAD_TO_DEVIATION * quantile(deviations, 0.5));
  return Float64Array.from(values as ArrayLike<number>, (value) => (value - median) / scale);
}

/** The confidence that a value with this robust score is an outlier, by Chebyshev's bound: at most 1/z² of any distribution is beyond z. */
export const outlierConfidence = (score: number): number => Math.max(0, 1 - 1 / Math.max(1, score * score));

// Images of poor quality: blank, too dark, blurred, tiny, much longer than wide. Each is a row of a table. The confidence is 1 for
// absolute limits; blur is relative to the other images, with Chebyshev's bound as its confidence.

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

// Images that belong to no class: off-topic, damaged, or merely rare. There are two signs. An isolated image has a mean distance to its
// nearest neighbours of the same class far above that of the class's other images. Images of a cluster are far from their class, near to
// one another, and carry the labels of several classes; if their neighbours all had one other label, that would be the correct one, which
// is reported by `label-errors`. Distances are in robust deviations ({@link robustScores}); the confidence is Chebyshev's bound.

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

// Files that no training can use.

export const unreadable: Check = {
  name: "unreadable",
  about: "files that cannot be read as images",
  find({ unreadable: files, classes }) {
    if (files.length === 0) return [];
    const groups = files.map(({ path, reason, label, split }) => [
      { path, label: classes[label]!, split, why: reason, confidence: 1, fix: "quarantine" as const },
    ]);
    return [
      {
        check: "unreadable",
        title: `${files.length} ${files.length === 1 ? "file" : "files"} cannot be read as an image.`,
        advice: "Save them again as JPEG or PNG, or remove them: training leaves them out.",
        severity: "worth knowing",
        confidence: 1,
        groups,
      },
    ];
  },
};
