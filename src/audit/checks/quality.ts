/**
 * Pictures that show too little: blank, too dark, blurred, tiny, much longer than wide. Each is a row of a table. The confidence is 1 for
 * limits that hold for every dataset; blur is told by comparison, and Chebyshev's bound is its confidence.
 */

import type { Traits } from "../../data/traits/traits.ts";
import type { Check } from "../check.ts";
import { oddness, robustScores } from "../robust.ts";
import { type Picture, suspect } from "../subject.ts";

/** One kind of bad picture. */
interface Fault {
  readonly name: string;
  readonly about: string;
  readonly title: (count: number) => string;
  readonly advice: string;
  readonly fix: "quarantine" | "keep";
  /** For each picture, how sure it is of this kind; 0 where it is not. */
  readonly judge: (pictures: readonly Picture[]) => ArrayLike<number>;
  readonly why: (traits: Traits) => string;
}

/** A contrast of three grey levels: whatever is there, no network sees it. */
const BLANK_CONTRAST = 3 / 255;
const DARK = 0.06;
/** Fewer pixels than this on the shorter side are enlarged several times by every network. */
const TINY = 32;
const LONG = 4;
const BLURRED_SCORE = -5;
const LEAST_BLUR_DEVIATION = 0.25;

const always =
  (is: (traits: Traits) => boolean): Fault["judge"] =>
  (pictures) =>
    pictures.map(({ traits }) => (is(traits) ? 1 : 0));

const isBlank = ({ contrast }: Traits): boolean => contrast < BLANK_CONTRAST;
const isTiny = ({ width, height }: Traits): boolean => Math.min(width, height) < TINY;
const ratio = ({ width, height }: Traits): number => Math.max(width, height) / Math.min(width, height);
const are = (count: number): string => (count === 1 ? "1 picture is" : `${count} pictures are`);

const faults: readonly Fault[] = [
  {
    name: "blank",
    about: "pictures of one plain colour",
    title: (count) => `${are(count)} blank.`,
    advice: "Take them out: there is nothing to learn from.",
    fix: "quarantine",
    judge: always(isBlank),
    why: () => "one plain colour",
  },
  {
    name: "dark",
    about: "pictures that are nearly black",
    title: (count) => `${are(count)} nearly black.`,
    advice: "Take them out, or brighten them if such pictures are to be recognised later.",
    fix: "keep",
    judge: always((traits) => traits.brightness < DARK && !isBlank(traits)),
    why: ({ brightness }) => `${Math.round(brightness * 100)}% as bright as white`,
  },
  {
    name: "blurred",
    about: "pictures much less sharp than the others",
    title: (count) => `${are(count)} far less sharp than the others.`,
    advice: "Keep them only if such pictures are to be recognised later.",
    fix: "keep",
    judge: (pictures) => {
      const sharpness = pictures.map(({ traits }) => Math.log(Math.max(traits.sharpness, 1e-4)));
      const scores = robustScores(sharpness, LEAST_BLUR_DEVIATION);
      return scores.map((score, at) =>
        score <= BLURRED_SCORE && !isBlank(pictures[at]!.traits) && !isTiny(pictures[at]!.traits) ? oddness(score) : 0,
      );
    },
    why: () => "blurred",
  },
  {
    name: "tiny",
    about: `pictures of fewer than ${TINY} pixels on a side`,
    title: (count) => `${are(count)} smaller than ${TINY} pixels.`,
    advice: "Find larger versions: a network sees them enlarged several times.",
    fix: "keep",
    judge: always(isTiny),
    why: ({ width, height }) => `${width} × ${height} pixels`,
  },
  {
    name: "long",
    about: `pictures of which one side is ${LONG} times the other`,
    title: (count) => `${are(count)} at least ${LONG} times as long as wide.`,
    advice: "Crop them: to the network's square they are squeezed, or most of them is cut off.",
    fix: "keep",
    judge: always((traits) => ratio(traits) >= LONG),
    why: ({ width, height }) => `${width} × ${height} pixels`,
  },
];

export const quality: readonly Check[] = faults.map(({ name, about, title, advice, fix, judge, why }) => ({
  name,
  about,
  find(subject) {
    const { pictures } = subject;
    const sureness = judge(pictures);
    const found = pictures
      .flatMap(({ traits }, at) => {
        const confidence = sureness[at]!;
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
}));
